"""A run that was stopped, killed or made longer is the run that was left alone, bit for bit."""

from __future__ import annotations

import dataclasses
import pathlib
import random
import signal
import time

import pytest

from entropy_rl import presets, training
from entropy_rl.config import Config
from entropy_rl.training.interrupts import EXIT_CODE
from tests.training import resuming
from tests.training.resuming import CONFIG_FILE, assert_same_run, finished_checkpoints, outcome


@pytest.fixture(scope="module")
def config() -> Config:
    return presets.load_config(str(CONFIG_FILE))


@pytest.fixture(scope="module")
def whole(tmp_path_factory, config) -> pathlib.Path:
    """The uninterrupted run; beside it, the base that the others start from."""
    workdir = tmp_path_factory.mktemp("runs") / "whole"
    training.run(config, str(workdir))
    return workdir


def test_a_run_stopped_by_sigterm_goes_on_as_if_nothing_had_been(whole, config, tmp_path):
    workdir, bases = tmp_path / "run", whole.parent / "bases"
    process = resuming.start(workdir, bases)
    resuming.wait_until(lambda: resuming.last_step(workdir) >= 3, process)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == EXIT_CODE
    last = resuming.last_step(workdir)
    assert last < config.steps and finished_checkpoints(workdir)[-1] == last  # nothing was lost
    assert "can be resumed" in workdir.with_suffix(".log").read_text()
    training.run(config, str(workdir), bases=str(bases))
    assert_same_run(whole, workdir, config)


def lives(
    workdir: pathlib.Path, bases: pathlib.Path, kills: list[str], seed: int, flags: tuple[str, ...] = ()
) -> dict[str, int]:
    """Kills a run again and again: in the warm start, while a checkpoint is written, or anywhere; then lets it end."""
    chance = random.Random(seed)
    figures = {"kills": 0, "in a save": 0, "in the warm start": 0, "steps lost": 0}
    for kind in kills:
        before = finished_checkpoints(workdir)
        goal = max(before, default=0) + chance.randint(4, 16)  # less, and it might be killed at the same place again
        process = resuming.start(workdir, bases, *flags)
        if kind == "warm start":
            resuming.wait_until(lambda: bases.exists(), process)
            time.sleep(chance.uniform(0.0, 4.0))
        else:
            resuming.wait_until(lambda: resuming.last_step(workdir) >= goal, process)  # noqa: B023 - called at once
            time.sleep(chance.uniform(0.0, 0.1))
            if kind == "save":
                resuming.wait_until(lambda: resuming.is_saving(workdir), process)
        process.kill()
        assert process.wait(60) == -signal.SIGKILL, "the run ended before it was killed; give it more steps"
        after = finished_checkpoints(workdir)
        assert max(after, default=-1) >= max(before, default=-1)  # only the one being written may be lost
        figures["kills"] += 1
        figures["in a save"] += resuming.is_saving(workdir)
        figures["in the warm start"] += resuming.last_step(workdir) < 0
        figures["steps lost"] += max(resuming.last_step(workdir) - max(after, default=0), 0)
    process = resuming.start(workdir, bases, *flags)
    assert process.wait(180) == 0
    return figures


def test_a_run_killed_twice_is_the_run_that_was_left_alone(whole, config, tmp_path):
    figures = lives(tmp_path / "run", whole.parent / "bases", ["anywhere", "save"], seed=0)
    assert figures["kills"] == 2
    assert_same_run(whole, tmp_path / "run", config)


@pytest.mark.slow
def test_a_run_killed_ten_times_is_the_run_that_was_left_alone(config, tmp_path, record_property):
    longer = dataclasses.replace(config, steps=120)
    training.run(longer, str(tmp_path / "whole"))
    kinds = ["warm start", "warm start", "anywhere", "save", "anywhere", "save", "anywhere", "save", "anywhere", "save"]
    # Its own bases: the warm start is killed too.
    figures = lives(tmp_path / "run", tmp_path / "own" / "bases", kinds, seed=1, flags=(f"--set=steps={longer.steps}",))
    record_property("figures", figures)
    assert figures["kills"] == 10 and figures["in a save"] >= 3
    assert len(set(resuming.resumed_steps(tmp_path / "run"))) >= 4  # the kills were spread over the run
    assert_same_run(tmp_path / "whole", tmp_path / "run", longer)


def test_more_steps_go_on_as_the_longer_run_would_have(config, whole, tmp_path):
    """Five steps end between validations, checkpoints and samples, which are due every second step."""
    bases = str(whole.parent / "bases")
    longer = dataclasses.replace(config, steps=8)
    training.run(longer, str(tmp_path / "longer"), bases=bases)
    training.run(dataclasses.replace(config, steps=5), str(tmp_path / "run"), bases=bases)
    assert outcome(tmp_path / "run")["metrics"] == outcome(tmp_path / "longer")["metrics"][:6]
    training.run(longer, str(tmp_path / "run"), bases=bases)
    assert_same_run(tmp_path / "longer", tmp_path / "run", longer)


def test_a_finished_run_is_left_as_it_is(config, whole, monkeypatch):
    before = (whole / "summary.json").read_bytes()
    monkeypatch.setattr("entropy_rl.training.loop.open_session", None)  # nothing is opened
    run = training.run(config, str(whole))
    assert (whole / "summary.json").read_bytes() == before and run.summary["steps"] == config.steps


def test_a_finished_run_without_its_summary_is_tested_again(config, whole):
    before = outcome(whole)
    (whole / "summary.json").unlink()
    training.run(config, str(whole))
    assert outcome(whole) == before
