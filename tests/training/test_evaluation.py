"""What an evaluation reports beside pass@k: left out where it has no meaning, declared where it has."""

import dataclasses

import numpy as np
import pytest

from entropy_rl.training import metrics
from entropy_rl.training.evaluation import Evaluation

RESULT = Evaluation(
    np.array([[True, True], [False, False]]), [["a", "b"], ["c", "c"]], entropy=0.5, length=3.0,
    likelihoods=np.array([[0.75, 0.25], [0.25, 0.25]]), phrases=[[[(1, 2)], [(3,)]], [[], []]],
    roles=np.array([[[3.0, 4], [1.0, 8]], [[1.0, 4], [0.0, 0]]]),
)  # fmt: skip


def test_every_figure_is_declared_and_finite():
    figures = RESULT.metrics("validation")
    metrics.check_names(figures)
    assert all(np.isfinite(value) for value in figures.values())


def test_diversity_and_calibration_of_a_small_evaluation_match_hand_computation():
    figures = {name.split("/", 1)[1]: value for name, value in RESULT.metrics("test").items()}
    expected = {
        "answer_entropy": np.log(2) / 2,  # log 2 and 0
        "routes": 2.0,  # of the solved problem alone
        "distinct_right": 1.0,  # 2 and 0
        "distinct_wrong": 0.5,  # 0 and 1
        "phrase_entropy": np.log(2),  # of the problem that has phrases
        "planning_entropy": 4 / 8,
        "execution_entropy": 1 / 8,
        "cover@0.5": 0.5,
        "calibration_error": (0.25 + abs(3 * 0.25 - 1)) / 4,  # bins of .75 (one, right) and .25 (three, one right)
        "vote_calibration_error": (2 * 1.0 + 2 * 1.0) / 4,  # disagreeing and right; agreeing and wrong
    }
    np.testing.assert_allclose([figures[name] for name in expected], list(expected.values()))


def test_a_policy_that_solves_nothing_has_no_routes_and_one_sample_no_diversity():
    nothing = dataclasses.replace(RESULT, correct=np.zeros((2, 2), bool), phrases=[[[], []], [[], []]])
    assert not {"test/routes", "test/phrase_entropy"} & set(nothing.metrics("test"))
    single = Evaluation(np.ones((2, 1), bool), [["a"], ["b"]], 0.5, 3.0)
    assert set(single.metrics("test")) == {f"test/{name}" for name in ("pass@1", "avg@1", "maj@1", "entropy", "length")}


def test_figures_for_a_file_hold_intervals_and_the_counts_of_every_problem():
    figures = RESULT.figures("test")
    assert figures["test/right"] == {"samples": 2, "counts": [2, 0]}
    assert figures["test/pass@1/interval"] == [0.0, 1.0]
    assert all(f"test/{name}/interval" in figures for name in ("routes", "answer_entropy", "calibration_error"))
    assert figures["test/cover@0.5/interval"] == pytest.approx([0.0, 1.0])
