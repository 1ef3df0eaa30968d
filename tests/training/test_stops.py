"""A run that is asked to stop leaves at the next safe point, saves in time, and goes on as if it had not stopped."""

from __future__ import annotations

import dataclasses
import pathlib
import random
import signal
import time
from typing import Any

import pytest

from entropy_rl import presets, training
from entropy_rl.config import Config
from entropy_rl.references import EmaReference
from entropy_rl.training import interrupts
from entropy_rl.training.checkpoints import Checkpoints
from entropy_rl.training.interrupts import EXIT_CODE, Interrupted
from entropy_rl.training.workdirs import CHECKPOINTS
from tests.training import resuming
from tests.training.resuming import CONFIG_FILE, assert_same_run, finished_checkpoints

GRACE_SECONDS = 30.0


def tiny(steps: int) -> Config:
    """With a reference that moves before steps 3 and 5, where no checkpoint is due: moving it twice would show."""
    config = presets.load_config(str(CONFIG_FILE))
    rare = dataclasses.replace(config.checkpoint, every=5)
    return dataclasses.replace(config, steps=steps, checkpoint=rare, reference=EmaReference(decay=0.5, every=2))


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> pathlib.Path:
    workdir = tmp_path_factory.mktemp("stops") / "whole"
    training.run(tiny(6), str(workdir))
    return workdir


class Life:
    """A process of a run that is asked to stop at its safe point number `last`, counted from its start."""

    def __init__(self, monkeypatch, last: int) -> None:
        self.points, wait = 0, interrupts.Stop.wait

        def counted(stop, arrays):
            self.points += 1
            stop.received = stop.received or self.points == last
            return wait(stop, arrays)

        monkeypatch.setattr(interrupts.Stop, "wait", counted)


def test_a_run_asked_to_stop_at_one_safe_point_after_another_is_the_run_left_alone(whole, tmp_path):
    """Three evaluation batches lie before step 1, three points in each step, and one in each second validation.

    So the run leaves before and after its first evaluation, in the rollout of step 3, in the validation of step 4 after
    its update, in the rollout of step 5, and in that validation once more.
    """
    workdir, bases, left = tmp_path / "run", str(whole.parent / "bases"), []
    for last in (2, 4, 9, 7, 3, 1):
        with pytest.MonkeyPatch.context() as patch, pytest.raises(Interrupted):
            Life(patch, last)
            training.run(tiny(6), str(workdir), bases=bases)
        left.append(max(finished_checkpoints(workdir), default=None))
    assert left == [None, 0, 2, 4, 4, 4]
    training.run(tiny(6), str(workdir), bases=bases)
    assert_same_run(whole, workdir, tiny(6))


def measured(workdir: pathlib.Path) -> dict[int, Any]:
    """Of the checkpoints that are still there: figures that the best is chosen by."""
    reader = Checkpoints(workdir / CHECKPOINTS, read_only=True)
    try:
        return {step: reader._manager.metrics(step) for step in reader.all_steps()}
    finally:
        reader.close()


def test_stops_before_during_and_after_validations_change_no_candidate_for_the_best_checkpoint(tmp_path):
    """One point lies in each validation, here of every step; checkpoints are due after steps 2, 4 and the last.

    The run leaves in the validation of step 1 (saved, no candidate), after that of step 1 in the rollout of step 2, in
    the validation of step 2 (a candidate) and in the validation of step 5, the last.
    """
    config = dataclasses.replace(
        tiny(5),
        evaluation=dataclasses.replace(tiny(5).evaluation, every=1),
        checkpoint=dataclasses.replace(tiny(5).checkpoint, every=2, keep=5),
    )
    whole, workdir, bases, left = tmp_path / "whole", tmp_path / "run", str(tmp_path / "bases"), []
    training.run(config, str(whole), bases=bases)
    for last in (7, 2, 5, 13):
        with pytest.MonkeyPatch.context() as patch, pytest.raises(Interrupted):
            Life(patch, last)
            training.run(config, str(workdir), bases=bases)
        left.append(max(finished_checkpoints(workdir)))
    assert left == [1, 1, 2, 5]
    training.run(config, str(workdir), bases=bases)
    best = measured(whole)
    assert best.keys() == {2, 4, 5} and None not in best.values()
    assert measured(workdir) == {1: None} | best


def test_a_stop_with_nothing_new_writes_no_checkpoint(whole, tmp_path):
    workdir, bases = tmp_path / "run", str(whole.parent / "bases")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Interrupted):
        Life(patch, 12)
        training.run(tiny(6), str(workdir), bases=bases)
    before = {path: path.stat().st_mtime_ns for path in (workdir / "checkpoints").rglob("*")}
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Interrupted):
        Life(patch, 1)
        training.run(tiny(6), str(workdir), bases=bases)
    assert {path: path.stat().st_mtime_ns for path in (workdir / "checkpoints").rglob("*")} == before


@pytest.mark.slow
def test_signals_at_any_moment_also_in_saves_and_evaluations_lose_no_finished_step(tmp_path):
    """SIGTERM or SIGINT eight times: within the grace period the process ends with its code and a whole checkpoint."""
    config = presets.load_config(str(CONFIG_FILE))
    training.run(config, str(tmp_path / "whole"))
    workdir, bases, chance, waited = tmp_path / "run", tmp_path / "bases", random.Random(0), []
    for number in range(8):
        process = resuming.start(workdir, bases)
        goal = resuming.last_step(workdir) + chance.randint(1, 3)  # not 0: Python itself might still be starting
        resuming.wait_until(lambda: resuming.last_step(workdir) >= goal, process)  # noqa: B023 - called at once
        if number % 3 == 0:
            resuming.wait_until(lambda: resuming.is_saving(workdir), process)
        time.sleep(chance.uniform(0.0, 0.3))
        if process.poll() is not None:
            break
        process.send_signal(chance.choice([signal.SIGTERM, signal.SIGINT]))
        asked = time.monotonic()
        code = process.wait(GRACE_SECONDS)
        waited.append(time.monotonic() - asked)
        if code == 0:
            break
        assert code == EXIT_CODE
        assert finished_checkpoints(workdir)[-1] >= resuming.last_step(workdir) and not resuming.is_saving(workdir)
    else:
        assert resuming.start(workdir, bases).wait(180) == 0
    assert len(waited) >= 4
    assert_same_run(tmp_path / "whole", workdir, config)
