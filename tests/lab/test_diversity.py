"""Figures of diversity against counts made by hand."""

import math

import numpy as np
import pytest

from entropy_rl.lab import diversity, runs, seeds
from entropy_rl.lab.panels import diversity as panel

ANSWERS = [["a", "a", "b", ""], ["a", "a", "a", "a"]]
CORRECT = np.array([[True, True, True, False], [False] * 4])


def test_answer_entropy_counts_no_answer_as_one_answer():
    # a: 1/2, b: 1/4, none: 1/4 -> 1/2 log 2 + 2 * 1/4 log 4 = 1.5 log 2
    np.testing.assert_allclose(diversity.answer_entropy(ANSWERS), [1.5 * math.log(2), 0.0])


def test_routes_are_the_exponential_entropy_of_right_answers_and_unknown_where_none_is_right():
    # a: 2/3, b: 1/3 -> exp(log 3 - 2/3 log 2) = 3 / 2^(2/3) = 1.89
    np.testing.assert_allclose(diversity.routes(ANSWERS, CORRECT), [3 / 2 ** (2 / 3), np.nan])
    np.testing.assert_allclose(diversity.routes([list("abcdef")], np.ones((1, 6), bool)), [6.0])


def test_distinct_answers_are_counted_among_right_and_wrong_apart():
    np.testing.assert_array_equal(diversity.distinct(ANSWERS, CORRECT), [2, 0])
    np.testing.assert_array_equal(diversity.distinct(ANSWERS, ~CORRECT), [1, 1])


@pytest.mark.parametrize(("share", "covered"), [(0.75, [1, 0]), (0.76, [0, 0]), (0.0, [1, 1])])
def test_coverage_asks_for_a_share_of_right_samples(share, covered):
    np.testing.assert_array_equal(diversity.cover_at(CORRECT, share), covered)


def test_phrases_are_stretches_of_counted_tokens():
    counted = [True] * 3 + [False] * 2 + [True] * 3
    assert diversity.runs_of([6, 1, 9, 0, 15, 5, 2, 8], counted) == [(6, 1, 9), (5, 2, 8)]
    assert diversity.runs_of([], []) == [] and diversity.runs_of([4], [False]) == []


def test_phrase_entropy_pools_the_samples_of_a_problem():
    # x twice, y and z once each: 1/2 log 2 + 2 * 1/4 log 4 = 1.5 log 2; the second problem has no phrase
    np.testing.assert_allclose(
        diversity.phrase_entropy([[["x", "y"], ["x", "z"]], [[], []]]), [1.5 * np.log(2), np.nan]
    )


def test_curves_cross_where_the_narrow_policy_falls_behind_the_wide_one():
    narrow = [8] * 5 + [0] * 5  # half of the problems for sure: pass@k = 0.5 at every k
    wide = [2] * 10  # every problem at a quarter: pass@1 = 0.25, pass@2 = 1 - 6/8 * 5/7 = 0.464, pass@3 = 0.643
    found = diversity.crossing(narrow, wide, samples=8)
    # gaps +0.0357 at 2 and -0.1429 at 3: zero at 2 + 0.0357 / 0.1786 = 2.2
    assert found.k == pytest.approx(2.2)
    # The narrow one leads at k = 1 if a resample holds 3 solved problems or more: 1 - (1 + 10 + 45) / 1024 = 0.945.
    assert found.share == pytest.approx(0.945, abs=0.03)
    np.testing.assert_allclose([found.first[0], found.last[0]], [0.25, -0.5], atol=1e-12)
    assert found.first[1] < 0.25 < found.first[2] and found.last[2] < 0


def test_curves_that_never_cross_have_no_crossing():
    found = diversity.crossing([4, 4, 4], [1, 1, 1], samples=8)
    assert math.isnan(found.k) and found.share == 0 and found.first[1] > 0
    equal = diversity.crossing([4, 2], [4, 2], samples=8)
    assert math.isnan(equal.k) and equal.first == (0.0, 0.0, 0.0)


def test_curves_of_different_problems_are_refused():
    with pytest.raises(ValueError, match="2 problems against 3"):
        diversity.crossing([1, 2], [1, 2, 3], samples=4)


def run_with(summary, records=()):
    return runs.Run("", "run", {}, list(records), [], summary)


def test_a_run_says_what_its_evaluations_hold():
    records = [{"step": 0, "validation/routes": 2.0, "validation/pass@1": 0.1}, {"step": 1, "reward/mean": 0.5}]
    records += [{"step": 2, "validation/pass@1": 0.3, "validation/cover@0.5": 0.2}]
    test = {"routes": 1.5, "routes/interval": [1.2, 1.8], "pass@1": 0.4, "right": {"samples": 2, "counts": [1]}}
    found = diversity.of_run(run_with({"test": test}, records))
    assert found is not None
    np.testing.assert_array_equal(found.steps, [0, 2])
    np.testing.assert_array_equal(found.series["routes"], [2.0, np.nan])
    assert set(found.series) == {"routes", "pass@1", "cover@0.5"}
    assert found.final == {"routes": 1.5, "pass@1": 0.4} and found.intervals == {"routes": (1.2, 1.8)}


def test_a_run_without_such_figures_says_nothing():
    assert diversity.of_run(run_with({}, [{"step": 0, "validation/pass@1": 0.1}])) is None


def test_two_runs_are_compared_by_their_counts_if_they_have_them():
    one, other = (run_with({"test": {"right": {"samples": 4, "counts": c}}}) for c in ([4, 0], [1, 1]))
    found = diversity.crossing_of(one, other)
    assert found is not None and 1 < found.k < 4
    assert diversity.crossing_of(one, run_with({})) is None
    assert diversity.crossing_of(one, run_with({"test": {"right": {"samples": 8, "counts": [1, 1]}}})) is None


def counted(counts, samples=4, task=None, test_problems=2, seed=None, name="run"):
    """A run with counts and, unless there is none, a task."""
    flat = {f"task.{key}": value for key, value in task.items()} if task else {}
    config = {"flat": flat | {"evaluation.test_problems": test_problems}} if task else {}
    summary = {"test": {"right": {"samples": samples, "counts": counts}}} | ({} if seed is None else {"seed": seed})
    return runs.Run(name, name, config, [], [], summary, title=name)


def test_runs_of_different_tasks_are_not_compared_though_they_have_as_many_problems():
    easy, hard = ({"__class__": "Countdown", "max_value": most} for most in (12, 50))
    one = counted([4, 0], task=easy)
    assert diversity.crossing_of(one, counted([1, 1], task=easy)) is not None
    assert diversity.crossing_of(one, counted([1, 1])) is not None  # it does not say what it solves
    assert diversity.crossing_of(one, counted([1, 1], task=hard)) is None
    assert diversity.crossing_of(one, counted([1, 1], task=easy, test_problems=3)) is None


def test_of_a_task_that_is_tested_on_another_one_that_other_one_is_compared():
    tasks = [
        {"__class__": "TrainTest", "train.seed": seed, "test.path": path}
        for seed, path in ((0, "a"), (1, "a"), (1, "b"))
    ]
    one, same, other = (counted([4, 0], task=task) for task in tasks)
    assert diversity.crossing_of(one, same) is not None and diversity.crossing_of(same, other) is None


@pytest.mark.parametrize(
    "right",
    [
        {"samples": 4, "counts": [5, 0]}, {"samples": 4, "counts": [-1, 0]}, {"samples": 0, "counts": [0]},
        {"samples": 4}, {"counts": [1]}, {"samples": "4", "counts": [1, 2]}, {"samples": 4, "counts": ["1", 2]},
        {"samples": 4, "counts": []},
    ],
)  # fmt: skip
def test_counts_that_cannot_be_are_left_out_with_a_note(right):
    broken = run_with({"test": {"right": right}})
    assert diversity.crossing_of(broken, counted([1, 1])) is None
    assert diversity.fault_of(broken).startswith("run: ") and diversity.fault_of(counted([1, 1])) == ""
    groups = [seeds.Group("a", (broken,)), seeds.Group("b", (counted([1, 1]),))]
    assert panel.section(groups).notices == [diversity.fault_of(broken)]


def test_seeds_are_paired_by_what_they_are_not_by_where_they_stand(monkeypatch):
    pairs = []
    monkeypatch.setattr(
        panel.diversity, "crossing_of", lambda *pair: pairs.append([run.summary["seed"] for run in pair])
    )
    group = lambda name, *numbers: seeds.Group(name, tuple(counted([1, 1], seed=n) for n in numbers))  # noqa: E731
    panel.crossing_table([group("a", 0, 1, 2), group("b", 2, 0)])
    assert sorted(pairs) == [[0, 0], [2, 2]]
    pairs.clear()
    panel.crossing_table([group("a", 0, 1), group("b", 2, 3)])
    assert pairs == []  # several of each, and no seed in common
    panel.crossing_table([group("a", 0), group("b", 1)])
    assert pairs == [[0, 1]]  # one of each is no choice
