"""Expected calibration error against bins made by hand."""

import numpy as np
import pytest

from entropy_rl.lab.calibration import calibration, of_likelihoods, vote_shares


def test_the_error_weighs_the_gap_of_each_bin_by_its_samples():
    # bin 9: confidences .95 and .95, one right: gap .45, weight 2/4; bin 1: .15, wrong: .15; bin 5: .55, right: .45
    found = calibration(np.array([[0.95, 0.95], [0.15, 0.55]]), np.array([[True, False], [False, True]]))
    assert found.error == pytest.approx((2 * 0.45 + 0.15 + 0.45) / 4)
    assert found.overconfidence == pytest.approx((0.95 + 0.95 + 0.15 + 0.55 - 2) / 4)
    means, shares, counts = found.curve()
    np.testing.assert_allclose(means, [0.15, 0.55, 0.95])
    np.testing.assert_allclose(shares, [0, 1, 0.5])
    np.testing.assert_array_equal(counts, [1, 1, 2])


def test_a_policy_that_is_right_as_often_as_it_says_is_calibrated():
    generator = np.random.default_rng(0)
    confidences = generator.uniform(size=(500, 16))
    right = generator.uniform(size=(500, 16)) < confidences
    found = calibration(confidences, right)
    low, high = found.interval()
    assert found.error < 0.03 and low <= found.error * 1.5 and high < 0.05
    assert calibration(confidences, ~right).error > 0.2


def test_certainty_falls_into_the_last_bin_and_more_is_refused():
    assert calibration(np.ones((1, 2)), np.array([[True, False]])).error == 0.5
    with pytest.raises(ValueError, match="they are probabilities"):
        calibration(np.full((1, 1), 1.5), np.ones((1, 1), bool))


def test_a_vote_leaves_the_sample_itself_out():
    np.testing.assert_allclose(vote_shares([["a", "a", "b"], ["a", "a", "a"]]), [[0.5, 0.5, 0.0], [1, 1, 1]])
    np.testing.assert_allclose(vote_shares([["", "", "a"]]), [[0.0, 0.0, 0.0]])
    with pytest.raises(ValueError, match="at least 2 samples"):
        vote_shares([["a"]])


def test_likelihoods_of_long_responses_give_no_calibration_for_they_underflow():
    right = np.random.default_rng(0).uniform(size=(50, 8)) < 0.6
    for nats in (300.0, 1000.0):  # e^-300 is a number and e^-1000 is none: both are no confidence
        likelihoods = np.exp(np.full(right.shape, -nats))
        assert calibration(likelihoods, right).error == pytest.approx(right.mean())  # the accuracy, and no more
        assert of_likelihoods(likelihoods, right) is None
    likelihoods[:, 0] = 0.5  # one sample of eight tells something
    assert of_likelihoods(likelihoods, right) is not None
    assert of_likelihoods(np.zeros((0, 4)), np.zeros((0, 4), bool)) is None
