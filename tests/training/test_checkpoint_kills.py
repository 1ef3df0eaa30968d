"""A process killed while it saves loses no checkpoint that was finished."""

from __future__ import annotations

import os
import pathlib
import random
import signal
import subprocess
import sys
import time

import chex
import pytest

from entropy_rl.training.checkpoints import Checkpoints, abstract
from tests.training.test_checkpoints import example_state, save

WRITER = """
import sys
from tests.training.test_checkpoints import Checkpoints, example_state
checkpoints = Checkpoints(sys.argv[1], keep=1000)
for step in range(1, 1000):
    checkpoints.save(step, example_state(step), {"cursor": 10 * step}, {"version": "1"})
    if step >= 2:  # step - 1 is finished: save waits for the one before
        sys.stdout.write(f"{step - 1}\\n"); sys.stdout.flush()
"""


def killed_writer(folder, delay):
    """Kills a process that saves without pause `delay` seconds after its first checkpoint; the last one finished."""
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    repository = pathlib.Path(__file__).parents[2]
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(folder)], stdout=subprocess.PIPE, text=True, env=environment, cwd=repository
    )
    finished = int(process.stdout.readline())
    time.sleep(delay)
    process.send_signal(signal.SIGKILL)
    rest = process.communicate()[0].split()
    return int(rest[-1]) if rest else finished


def check_killed_writer(folder, delay):
    finished = killed_writer(folder, delay)
    checkpoints = Checkpoints(folder, keep=1000)
    assert checkpoints.all_steps()[:finished] == list(range(1, finished + 1))
    restored = checkpoints.restore(abstract(example_state()))
    assert restored.step in (finished, finished + 1, finished + 2)
    chex.assert_trees_all_equal(restored.state, example_state(restored.step))
    save(checkpoints, restored.step + 1)
    assert [path.name for path in folder.iterdir() if not path.name.isdigit()] == []  # no litter
    checkpoints.close()


@pytest.mark.parametrize("delay", [0.003, 0.2])
def test_kill_loses_no_finished_checkpoint(tmp_path, delay):
    check_killed_writer(tmp_path / "checkpoints", delay)


@pytest.mark.slow
def test_kill_at_many_random_moments_loses_no_finished_checkpoint(tmp_path):
    generator = random.Random(0)
    for trial in range(10):
        check_killed_writer(tmp_path / str(trial), generator.uniform(0, 0.5))
