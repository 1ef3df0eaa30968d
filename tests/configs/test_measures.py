"""Figures that several studies share, on runs made by hand."""

import math

import pytest

from configs.lab import _forecast, _measures
from entropy_rl.lab import verdicts
from entropy_rl.lab.runs import Run
from entropy_rl.lab.verdicts import Results

SCORE, TEST = _measures.at_step("score", 2), verdicts.test("pass@1")


def run(score: float, tested: float = 0.0, rewards: tuple[float, ...] = ()) -> Run:
    records = [{"step": float(step), "reward": reward} for step, reward in enumerate(rewards, 1)]
    return Run("", "made up", {}, [*records, {"step": 2.0, "score": score}], [], {"test": {"pass@1": tested}})


def test_each_run_is_compared_in_the_arms_that_the_others_choose():
    lucky = {(0, 0): run(0.9, 0.9), (0, 1): run(0.1, 0.1), (0, 2): run(0.1, 0.2)}  # best by seed 0 alone
    steady = {(0, seed): run(0.3, 0.3) for seed in range(3)}
    other = {(0, seed): run(0.2, 0.25) for seed in range(3)}
    results = Results({"lucky": lucky, "steady": steady, "other": other})
    found = _measures.of_the_best(("lucky", "steady"), ("other",), SCORE, TEST)(results)
    # Without seed 0 the steady arm is best; with it the lucky one.
    assert found.n == 3 and found.mean == pytest.approx((0.3 + 0.1 + 0.2) / 3 - 0.25)
    assert math.isnan(_measures.of_the_best(("lucky",), ("missing",), SCORE, TEST)(results).mean)


def test_a_choice_needs_other_runs():
    results = Results({"a": {(0, 0): run(0.9, 0.9)}, "b": {(0, 0): run(0.1, 0.1)}})
    assert math.isnan(_measures.of_the_best(("a",), ("b",), SCORE, TEST)(results).mean)


def test_a_step_that_was_not_measured_has_no_figure():
    assert SCORE(run(0.4)) == 0.4 and math.isnan(_measures.at_step("score", 3)(run(0.4)))


def test_a_score_that_is_never_reached_takes_twice_the_run():
    rising = run(0.0, rewards=tuple(step / 20 for step in range(21)))
    assert _measures.steps_to("reward", 0.4)(rising) == pytest.approx(9, abs=1)
    assert _measures.steps_to("reward", 2.0)(rising) == 42.0
    assert math.isnan(_measures.steps_to("missing", 2.0)(rising))


def test_differences_by_budget_are_told_for_each_arm_and_step():
    bars = _measures.by_budget(("A", "B"), "GRPO", (2, 4))
    assert len(bars) == 8 and not any(bar.decisive for bar in bars)
    assert bars[0].figure == "validation pass@1 after 2 steps, A - GRPO"


def test_arms_of_one_seed_count_as_one_forecast():
    results = Results(
        {arm: {(0, seed): run(offset + seed) for seed in range(3)} for arm, offset in (("a", 0), ("b", 1))}
    )
    found = _forecast.over(("a", "b"), SCORE)(results)
    assert found.n == 3 and found.mean == pytest.approx(1.5)
    assert _forecast.over(("a", "missing"), SCORE)(results).n == 0
