"""What counts of a run's time, and what does not."""

import json
import time

import jax
import jax.numpy as jnp
import pytest
from etils import epath

from entropy_rl.training import goodput
from entropy_rl.training.goodput import Goodput, covered, resumed


@pytest.fixture(autouse=True)
def _nothing_compiled_before(monkeypatch):
    monkeypatch.setattr(goodput._compilation, "_intervals", [])


def test_seconds_inside_each_other_count_once():
    # [0, 4] holds [1, 2] and meets [3, 6]: 6 in all; [8, 9] stands alone
    assert covered([(1, 2), (0, 4), (3, 6), (8, 9)]) == 7
    assert covered([]) == 0


def test_the_share_is_of_the_time_since_the_first_start(monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 1100.0)
    account = Goodput(started=1000.0)
    account.count(20.0)
    account.count(5.0)
    assert account.share == pytest.approx(0.25)


def test_compilation_within_a_step_does_not_count_and_that_before_it_is_not_charged_to_it():
    account = Goodput(time.time())
    jax.jit(lambda x: jnp.sin(x) @ x + 17)(jnp.ones((3, 3))).block_until_ready()
    time.sleep(0.05)
    assert account.count(0.05) == 0.0  # a step of the last 50 ms
    assert account.productive == 0.05
    started = time.perf_counter()
    jax.jit(lambda x: jnp.cos(x) @ x + 17)(jnp.ones((3, 3))).block_until_ready()
    seconds = time.perf_counter() - started
    compiling = account.count(seconds)
    assert 0.0 < compiling < seconds
    assert account.productive == pytest.approx(0.05 + seconds - compiling)


def test_steps_that_are_made_again_count_once_and_the_time_between_processes_not_at_all(tmp_path, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    folder = epath.Path(tmp_path)
    account = resumed(folder)
    account.count(10.0)
    saved = json.loads(json.dumps(account.state()))
    account.count(10.0)  # lost in a kill at 1030
    now[0] = 1090.0
    account = resumed(folder, saved)
    account.count(10.0)
    now[0] = 1100.0
    assert account.share == pytest.approx(20 / 100)


def test_a_run_that_died_before_its_first_checkpoint_started_then(tmp_path, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    resumed(epath.Path(tmp_path))
    now[0] = 1500.0
    assert resumed(epath.Path(tmp_path)).started == 1000.0


def test_a_damaged_account_is_opened_anew_and_stops_no_run(tmp_path):
    (tmp_path / goodput.FILE).write_text("{")
    assert resumed(epath.Path(tmp_path), {"started": 5.0, "productive": 2.0}).started == 5.0
