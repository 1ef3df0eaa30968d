"""With mixing, a curriculum, dynamic sampling and carry-over on, a run stopped at any step is the run left alone."""

from __future__ import annotations

import dataclasses
import pathlib

import pytest

from entropy_rl import training
from entropy_rl.config import Config
from tests.training import filtered_run
from tests.training.resuming import assert_same_run, outcome


@pytest.fixture(scope="module")
def config() -> Config:
    return filtered_run.get_config()


@pytest.fixture(scope="module")
def whole(tmp_path_factory, config) -> pathlib.Path:
    workdir = tmp_path_factory.mktemp("filtered") / "whole"
    training.run(config, str(workdir))
    return workdir


def test_the_run_fills_carries_over_and_refills(whole):
    records = outcome(whole)["metrics"][1:]
    assert max(record["sampling/rounds"] for record in records) > 1
    assert any(record["sampling/carried"] for record in records)
    assert any(record["sampling/filled"] for record in records)
    assert all("task/countdown_0/accuracy" in record for record in records)
    for before, after in zip(records, records[1:], strict=False):
        assert after["sampling/carried"] == before["sampling/surplus"]  # all of it, and at once


@pytest.mark.parametrize("rescore", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_rows_carried_over_are_off_policy_and_fresh_ones_are_not(whole, config, rescore):
    """With one optimiser step per rollout every ratio is 1, but for the rows that an older policy sampled.

    Rescored, they are not given the log-probs of the present policy, whose ratio would be 1 too.
    """
    one = dataclasses.replace(config, update=dataclasses.replace(config.update, mini_batches=1, rescore=rescore))
    workdir = whole.parent / f"one-{rescore}"
    training.run(one, str(workdir))
    for record in outcome(workdir)["metrics"][1:]:
        assert (record["update/log_ratio_abs_max"] > 0.0) == (record["sampling/carried"] > 0.0)


@pytest.mark.slow
@pytest.mark.parametrize("stop", [1, 2, 3, 4, 5])
def test_a_run_stopped_at_any_step_goes_on_as_if_nothing_had_been(whole, config, tmp_path, stop):
    training.run(dataclasses.replace(config, steps=stop), str(tmp_path / "run"))
    training.run(config, str(tmp_path / "run"))
    assert_same_run(whole, tmp_path / "run", config)


def test_a_run_stopped_with_groups_carried_over_goes_on_as_if_nothing_had_been(whole, config, tmp_path):
    records = outcome(whole)["metrics"]
    stop = next(record["step"] for record in records[1:-1] if record["sampling/surplus"])
    training.run(dataclasses.replace(config, steps=stop), str(tmp_path / "run"))
    training.run(config, str(tmp_path / "run"))
    assert_same_run(whole, tmp_path / "run", config)
