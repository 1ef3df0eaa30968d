"""Every kind of loop in one run of two tasks: each does something, and a restart changes none of it."""

from __future__ import annotations

import pathlib

import numpy as np
import pytest

from entropy_rl import training
from entropy_rl.training.forecasting import Forecaster
from tests.training import looped_run
from tests.training.resuming import assert_same_run


@pytest.fixture(scope="module", autouse=True)
def forecasts():
    """Of a ceiling, from the first evaluation on."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Forecaster, "figures", lambda self: {"forecast/ceiling": 5.0})
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> pathlib.Path:
    workdir = tmp_path_factory.mktemp("runs") / "whole"
    training.run(looped_run.get_config(), str(workdir))
    return workdir


def test_a_restart_changes_no_loop(whole, tmp_path):
    bases = str(whole.parent / "bases")
    for steps in (3, 6):
        config = looped_run.get_config(steps)
        training.run(config, str(tmp_path / "run"), bases=bases)
    assert_same_run(whole, tmp_path / "run", config)


def figures(whole: pathlib.Path, name: str) -> np.ndarray:
    """Of the steps that have it."""
    return np.array(
        [record[name] for record in training.Run(whole).metrics if "reward/mean" in record and name in record]
    )


@pytest.mark.parametrize(
    ("loop", "actuator"), [(loop.name, one) for loop in looped_run.LOOPS for one in loop.actuators],
    ids=lambda part: getattr(part, "name", part),
)  # fmt: skip
def test_every_loop_moves_its_numbers(whole, loop, actuator):
    assert (figures(whole, f"controller/{loop}/{actuator.name}/output") != np.float32(actuator.rest)).any()


def test_a_budget_goes_down_to_the_floor_of_its_forecast(whole):
    floors, targets = (figures(whole, f"controller/budget/{name}") for name in ("floor", "target"))
    assert floors[0] < 0 < floors[-1] < targets[-1] < targets[0]


def test_a_loop_of_hard_prompts_reads_these_and_no_others(whole):
    read, every = figures(whole, "controller/hard/entropy"), figures(whole, "entropy_unit/token_mean")
    assert 0 < len(read) < len(every)  # one step has none
    assert not set(read) & set(every)


def test_each_task_has_its_own_entropy_and_target(whole):
    every = figures(whole, "entropy_unit/token_mean")
    first, second = (figures(whole, f"controller/{name}/entropy") for name in ("first", "second"))
    assert (np.minimum(first, second) < every).all() and (every < np.maximum(first, second)).all()
    for name, share, entropy in (("first", 0.9, first), ("second", 0.6, second)):
        np.testing.assert_allclose(figures(whole, f"controller/{name}/target"), share * entropy[0], rtol=1e-5)
