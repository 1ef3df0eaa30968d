import itertools

import numpy as np
import pytest

from entropy_rl.lab import metrics


@pytest.mark.parametrize(("samples", "k"), [(1, 1), (4, 2), (6, 3), (6, 6)])
def test_pass_at_k_equals_the_enumeration_of_all_draws(samples, k):
    for correct in range(samples + 1):
        answers = [True] * correct + [False] * (samples - correct)
        draws = [any(draw) for draw in itertools.combinations(answers, k)]
        np.testing.assert_allclose(metrics.pass_at_k([correct], samples, k), [np.mean(draws)], atol=1e-12)


def test_one_right_of_four_passes_half_the_draws_of_two():
    np.testing.assert_allclose(metrics.pass_at_k([1], 4, 2), [0.5])  # 1 - C(3,2)/C(4,2) = 1 - 3/6


def test_pass_at_k_stays_a_probability_where_binomials_overflow():
    values = metrics.pass_at_k([0, 1, 5000, 10_000], 10_000, 4096)
    np.testing.assert_allclose(values, [0.0, 0.4096, 1.0, 1.0], atol=1e-9)  # one right answer: k / n


def test_avg_at_k_is_the_share_of_right_answers():
    np.testing.assert_allclose(metrics.avg_at_k([0, 3, 4], 4), [0.0, 0.75, 1.0])


@pytest.mark.parametrize("k", [0, 5])
def test_k_beyond_the_samples_is_refused(k):
    with pytest.raises(ValueError, match=f"k = {k} must be between 1 and the 4"):
        metrics.pass_at_k([1], 4, k)


def test_more_right_answers_than_samples_are_refused():
    with pytest.raises(ValueError, match="not within 0..4"):
        metrics.pass_at_k([5], 4, 2)


def test_majority_ignores_the_order_of_answers_and_splits_ties_evenly():
    answers = [["7", "7", "3", "3"], ["3", "7", "7", "3"], ["7", "7", "7", "3"], ["3", "3", "3", "7"]]
    correct = [[a == "7" for a in row] for row in answers]
    np.testing.assert_allclose(metrics.maj_at_k(answers, correct, 4), [0.5, 0.5, 1.0, 0.0])


def test_an_answer_judged_both_ways_counts_by_its_share():
    np.testing.assert_allclose(metrics.maj_at_k([["a", "a", "b"]], [[True, False, True]], 3), [0.5])


def test_empty_answers_abstain_and_an_empty_election_is_lost():
    answers = [["", "", "7"], ["", "", ""]]
    np.testing.assert_allclose(metrics.maj_at_k(answers, [[False, False, True], [True] * 3], 3), [1.0, 0.0])


def test_votes_smaller_than_the_samples_are_averaged_over_blocks():
    correct = [[True, True, False, False, True]]  # blocks (7, 7) right, (3, 3) wrong; the fifth is left out
    np.testing.assert_allclose(metrics.maj_at_k([["7", "7", "3", "3", "7"]], correct, 2), [0.5])


def test_bootstrap_interval_matches_the_standard_error_of_a_proportion():
    values = np.array([1.0] * 300 + [0.0] * 700)
    low, high = metrics.bootstrap_interval(values, seed=1)
    error = 1.96 * np.sqrt(0.3 * 0.7 / 1000)  # 0.0284
    np.testing.assert_allclose([low, high], [0.3 - error, 0.3 + error], atol=0.004)
    assert metrics.bootstrap_interval(values, seed=1) == (low, high)


def test_bootstrap_interval_leaves_out_nan_and_knows_that_nothing_has_no_interval():
    assert metrics.bootstrap_interval([0.5, np.nan, 0.5]) == (0.5, 0.5)
    assert np.isnan(metrics.bootstrap_interval([])).all()
