"""The curve that made the points is named, or it is said that nothing can be told."""

import dataclasses

import numpy as np
import pytest

from entropy_rl.lab import fits, rivals, runs
from tests.lab import fake_runs

STEPS = np.arange(240.0)
ENTROPIES = 0.03 + 1.2 * np.exp(-STEPS / 40)
NOISE = fits.smooth(0.02 * np.random.default_rng(3).normal(size=240))


def verdict(rewards: np.ndarray, entropies: np.ndarray = ENTROPIES) -> str:
    return rivals.compare(STEPS, entropies, rewards).verdict


def test_rewards_made_by_the_law_are_ascribed_to_it():
    assert verdict(1.3 - 0.4 * np.exp(ENTROPIES) + NOISE).startswith("exp(H) describes this run better")


def test_where_the_reward_rises_with_entropy_the_laws_direction_is_said_not_to_hold():
    said = verdict(0.2 + 0.15 * np.exp(ENTROPIES) + NOISE)
    assert said.startswith("exp(H) describes this run better")
    assert "But a = -0.14" in said and "the law's direction does not hold here" in said
    assert "direction" not in verdict(1.3 - 0.4 * np.exp(ENTROPIES) + NOISE)


def test_rewards_made_by_a_line_are_ascribed_to_the_line():
    assert verdict(0.9 - 0.7 * ENTROPIES + NOISE).startswith("A line in H describes this run better")


def test_over_a_short_range_of_entropy_the_two_cannot_be_told_apart():
    narrow = 0.2 + 0.1 * np.exp(-STEPS / 40)  # exp(H) is straight to 0.1^2 / 8 = 0.1 % of the rewards over this range
    assert verdict(0.9 - 0.7 * narrow + NOISE, narrow).startswith("exp(H) and a line in H cannot be told apart here")


def test_rewards_that_do_not_follow_entropy_are_described_by_a_curve_in_steps():
    found = rivals.compare(STEPS, 0.5 + 0.1 * np.sin(STEPS / 9), 0.8 - 0.5 * np.exp(-STEPS / 60) + NOISE)
    assert found.verdict.startswith("Neither exp(H) nor a line in H describes this run")
    assert "is closer: exponential in step" in found.verdict or "is closer: sigmoid in step" in found.verdict
    exponential = found["exponential in step"]
    assert exponential.ceiling_interval[0] <= 0.8 <= exponential.ceiling_interval[1]
    np.testing.assert_allclose(exponential.shape, [60.0], rtol=0.15)  # the grid is 14 % wide


def test_constant_rewards_are_told_nothing_from():
    found = rivals.compare(STEPS, ENTROPIES, np.full(240, 0.5))
    assert found.verdict == "The reward never changed, so any curve fits." and np.isnan(found.fits[0].r2)


def test_the_exact_curve_has_its_own_ceiling_and_no_error():
    found = rivals.compare(STEPS, ENTROPIES, 1.3 - 0.4 * np.exp(ENTROPIES))
    np.testing.assert_allclose([found["exp(H)"].ceiling, found["exp(H)"].rmse], [0.9, 0.0], atol=1e-9)
    sigmoid = rivals.compare(STEPS, ENTROPIES, 0.2 + 0.5 / (1 + (50 / np.maximum(STEPS, 1e-9)) ** 2))
    np.testing.assert_allclose(sigmoid["sigmoid in step"].ceiling, 0.7, atol=0.01)


def test_more_parameters_alone_do_not_win():
    found = rivals.compare(STEPS, ENTROPIES, 1.3 - 0.4 * np.exp(ENTROPIES) + NOISE)
    assert found["parabola in H"].rmse <= found["line in H"].rmse
    assert "closer" not in found.verdict


def test_a_rival_with_the_smaller_error_but_the_worse_aic_is_not_called_closer():
    found = rivals.compare(STEPS, ENTROPIES, 0.9 - 0.7 * ENTROPIES + NOISE).fits
    resampled = fits.blocks(240, 50, seed=0, block=14)
    worse = [dataclasses.replace(fit, residuals=np.full(240, 0.1), rmse=0.1, aic=0.0) for fit in found[:2]]
    closer = dataclasses.replace(found[2], residuals=np.zeros(240), rmse=0.0, aic=-1.0)
    said = lambda rival: rivals.verdict([*worse, rival], resampled, 0.9, spread=0.8)  # noqa: E731
    assert "closer: parabola in H" in said(closer)
    assert "closer" not in said(dataclasses.replace(closer, aic=1.0))


def test_a_rival_that_misfits_does_not_take_the_evidence_from_the_others():
    entropies = 0.6 + 0.4 * np.sin(STEPS / 9)  # no curve in steps follows it: their residuals are one slow wave
    rewards = 1.3 - 0.4 * np.exp(entropies) + NOISE
    alone = rivals.compare(STEPS, entropies, rewards, forms=rivals.FORMS[:3])
    found = rivals.compare(STEPS, entropies, rewards)
    assert found.independent == alone.independent > 20  # 240 smoothed steps are worth about 240 / 7
    assert fits.effective_size(found["exponential in step"].residuals) < alone.independent / 1.5
    assert [fit.aic for fit in found.fits[:3]] == [fit.aic for fit in alone.fits]


def test_the_penalty_of_a_parameter_grows_where_independent_points_are_few():
    (fit,) = rivals.compare(STEPS, ENTROPIES, 1.3 - 0.4 * np.exp(ENTROPIES) + NOISE).fits[:1]
    one = dataclasses.replace(fit, rmse=1.0, parameters=2)  # log of its error is 0, and k = 3 with the variance
    # 2 k n / (n - k - 1): 6 * 12 / 8 = 9; never fewer than k + 2 = 5 points: 6 + 24 / 1 = 30
    np.testing.assert_allclose([rivals._aic(one, n) for n in (12.0, 2.0)], [9.0, 30.0])


def test_intervals_of_the_ceiling_are_no_narrower_than_the_noise_between_blocks_asks_for():
    steps, entropies, inside = STEPS[:60], ENTROPIES[:60], 0
    for seed in range(24):
        noise = 0.03 * np.random.default_rng(seed).normal(size=60)
        rewards = fits.smooth(1.3 - 0.4 * np.exp(entropies) + noise)
        found = rivals.compare(steps, fits.smooth(entropies), rewards, draws=100, forms=rivals.FORMS[:2]).fits[0]
        inside += found.ceiling_interval[0] <= 0.9 <= found.ceiling_interval[1]
    assert 20 <= inside <= 24  # 22 expected; without widening, 16


def test_smoothed_noise_counts_as_few_independent_residuals():
    raw = np.random.default_rng(0).normal(size=700)
    # A mean of 7 has triangular correlations: 1 + 2 (6 + 5 + ... + 1) / 7 = 7 neighbours count as one.
    assert fits.effective_size(fits.smooth(raw)) == pytest.approx(100, rel=0.35)
    assert fits.effective_size(raw) == pytest.approx(700, rel=0.15)


def test_blocks_hold_neighbours_and_wrap_round():
    drawn = fits.blocks(30, 50, seed=1, block=5)
    assert drawn.shape == (50, 30) and set(np.unique(drawn)) == set(range(30))
    steps = np.diff(drawn.reshape(-1, 5), axis=1) % 30
    assert (steps == 1).all()


@pytest.mark.parametrize(
    ("entropies", "message"), [(ENTROPIES[:5], "5 steps do not tell"), (np.full(40, 0.5), "entropy stays at 0.5 nats")]
)
def test_runs_that_tell_nothing_are_refused_with_the_reason(entropies, message):
    size = len(entropies)
    with pytest.raises(ValueError, match=message):
        rivals.compare(STEPS[:size], entropies, STEPS[:size])


def test_a_run_without_rewards_has_no_comparison(tmp_path):
    assert rivals.of_run(runs.Run("", "", {}, [{"step": 0}], [], {})) is None
    found = rivals.of_run(runs.read_run(fake_runs.write_run(tmp_path / "a")))
    assert found is not None and found.points == 120 and len(found.fits) == 5
