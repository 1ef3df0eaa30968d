"""Estimates, bars and verdicts, by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from entropy_rl.lab import verdicts
from entropy_rl.lab.runs import Run
from entropy_rl.lab.verdicts import Bar, Estimate, Results


def run(score: float, entropies: tuple[float, ...] = ()) -> Run:
    records = [{"step": step, "entropy": value} for step, value in enumerate(entropies)]
    return Run("", "run", {}, records, [], {"test": {"pass@1": score}, "base": {"pass@1": 0.25}})


PASS_1 = verdicts.test("pass@1")
RESULTS = Results(
    {
        "GRPO": {(0, 0): run(0.4), (0, 1): run(0.5), (1, 0): run(0.8)},
        "KL-Cov": {(0, 0): run(0.5), (0, 1): run(0.8), (1, 1): run(0.1)},
    }
)


def test_an_interval_of_three_matches_hand_computation():
    found = verdicts.estimate([1.0, 2.0, 3.0])  # std 1, t_2(.975) = 4.30265, half width 4.30265 / sqrt(3)
    assert found.n == 3 and found.mean == 2.0
    np.testing.assert_allclose([found.low, found.high], [2 - 2.48414, 2 + 2.48414], rtol=1e-5)


def test_one_run_has_a_mean_and_no_interval():
    found = verdicts.estimate([0.3])
    assert found.mean == 0.3 and math.isnan(found.low) and found.n == 1


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [math.inf, 1.0]])
def test_a_run_without_a_figure_is_not_left_out(values):
    assert math.isnan(verdicts.estimate(values).mean)


def test_differences_are_of_the_runs_that_both_arms_finished():
    found = RESULTS.difference("KL-Cov", "GRPO", PASS_1)  # (0, 0): .1, (0, 1): .3; (1, 0) and (1, 1) have no pair
    assert found.n == 2
    np.testing.assert_allclose(found.mean, 0.2)


def test_a_ratio_is_the_geometric_mean_of_pairs():
    found = RESULTS.ratio("KL-Cov", "GRPO", PASS_1)  # 5/4 and 8/5: sqrt(2)
    np.testing.assert_allclose(found.mean, math.sqrt(2.0))
    assert found.low < found.mean < found.high


def test_no_ratio_is_made_of_what_is_zero():
    results = Results({"a": {(0, 0): run(0.0)}, "b": {(0, 0): run(0.5)}})
    assert math.isnan(results.ratio("a", "b", PASS_1).mean)


def test_an_arm_that_was_not_run_has_no_figure():
    assert RESULTS.of("Clip-Cov") == [] and math.isnan(RESULTS.mean("Clip-Cov", PASS_1).mean)


@pytest.mark.parametrize(
    ("found", "whole", "met", "clear"),
    [
        (Estimate(0.1, -0.1, 0.3, 4), False, True, False),
        (Estimate(0.1, -0.1, 0.3, 4), True, False, False),  # the interval reaches below the bar
        (Estimate(0.1, 0.05, 0.3, 4), True, True, True),
        (Estimate(-0.1, -0.2, 0.0, 4), False, False, False),
        (Estimate(-0.1, -0.2, -0.01, 4), False, False, True),
        (Estimate(0.1, n=1), True, None, None),  # one run has no interval
        (Estimate(0.1, n=1), False, True, None),
        (Estimate(), False, None, None),
    ],
)
def test_a_bar_is_met_by_the_mean_or_by_the_whole_interval(found, whole, met, clear):
    check = Bar("figure", lambda results: found, low=0.0, whole=whole).check(RESULTS)
    assert check.met is met and check.clear is clear


@pytest.mark.parametrize(
    ("means", "word"),
    [
        ((1.0, 1.0), "reproduces"),
        ((1.0, -1.0), "partly"),
        ((-1.0, -1.0), "does not reproduce"),
        ((1.0, math.nan), "not measured"),
        ((), "tests no claim"),
    ],
)
def test_the_verdict_is_of_the_decisive_bars(means, word):
    bars = [Bar("figure", lambda results, mean=mean: Estimate(mean), low=0.0) for mean in means]
    told = Bar("beside it", lambda results: Estimate(math.nan), decisive=False)
    assert verdicts.verdict([bar.check(RESULTS) for bar in (*bars, told)]) == word


def test_figures_of_a_run_are_of_its_ends():
    subject = run(0.5, (4.0, 2.0, 1.0, 0.5))
    figures = (verdicts.first("entropy", 2), verdicts.last("entropy", 2), verdicts.last("entropy"))
    assert [figure(subject) for figure in figures] == [3.0, 0.75, 0.5]
    assert verdicts.highest("entropy")(subject) == 4.0
    assert verdicts.over(PASS_1, verdicts.base("pass@1"))(subject) == 2.0
    assert math.isnan(verdicts.last("accuracy")(subject)) and math.isnan(verdicts.highest("accuracy")(subject))
