import numpy as np
import pytest
from scipy import signal

from entropy_rl.lab import fits, law

ENTROPIES = 0.03 + 0.9 * np.exp(-np.arange(200) / 30)


def test_planted_coefficients_are_recovered_exactly_without_noise():
    fit = law.fit_law(ENTROPIES, 1.4 - 0.5 * np.exp(ENTROPIES))
    np.testing.assert_allclose([fit.a, fit.b, fit.ceiling, fit.r2], [0.5, 1.4, 0.9, 1.0], atol=1e-9)
    np.testing.assert_allclose(fit(np.array([0.0])), 0.9, atol=1e-9)
    assert fit.linear_r2 < fit.r2


def ceiling_covered(steps: int, correlation: float, smoothed: bool, runs: int = 400) -> float:
    """Share of runs of a planted law whose 90 % interval holds the ceiling, 0.9."""
    entropies, inside = ENTROPIES[:steps], 0
    for seed in range(runs):
        # noise of variance 1, begun long before the run: x_t = correlation x_{t-1} + sqrt(1 - correlation^2) e_t
        fresh = np.random.default_rng(seed).normal(size=steps + 100)
        noise = signal.lfilter([(1 - correlation**2) ** 0.5], [1.0, -correlation], fresh)[100:]
        seen = law.smooth if smoothed else np.asarray
        fit = law.fit_law(seen(entropies), seen(1.4 - 0.5 * np.exp(entropies) + 0.03 * np.asarray(noise)))
        low, high = fit.ceiling_interval
        inside += low <= 0.9 <= high
    return inside / runs


@pytest.mark.parametrize("smoothed", [False, True], ids=["each step", "smoothed"])
@pytest.mark.parametrize("steps", [60, 120])
def test_nine_of_ten_intervals_hold_the_ceiling_under_white_noise(steps, smoothed):
    # 400 runs tell .90 to 1.5 points (standard error); a bootstrap of blocks gave .80 and .77, smoothed .65 and .73
    assert 0.86 <= ceiling_covered(steps, 0.0, smoothed) <= 0.95


@pytest.mark.parametrize("smoothed", [False, True], ids=["each step", "smoothed"])
def test_intervals_hold_the_ceiling_under_noise_that_lasts_for_twenty_steps(smoothed):
    # the bootstrap gave .64; 200 steps are worth ten independent ones, too few to know the noise well
    assert 0.85 <= ceiling_covered(200, 0.9, smoothed) <= 0.95


def test_an_interval_of_independent_residuals_is_students():
    # alternating residuals have no positive lag, so all 8 count; the mean's: 2 parameters, sqrt(1 / 8 * 8 / 6), t of 6
    residuals = np.array([1.0, -1.0] * 4)
    half = fits.half_width(np.full(8, 1 / 8), residuals, 2, 0.9)
    # each lag's autocovariance gains 2 omega / 8 and omega = 1 + 2 omega / 8, so omega = 4/3 and g_0 = 1 + 1/3
    np.testing.assert_allclose(half, 1.9432 * (4 / 3 / 8 * 8 / 6) ** 0.5, rtol=1e-4)


def test_a_straight_line_is_better_described_by_the_rival():
    fit = law.fit_law(ENTROPIES, 0.9 - 0.7 * ENTROPIES)
    np.testing.assert_allclose([fit.slope, fit.intercept, fit.linear_r2], [-0.7, 0.9, 1.0], atol=1e-9)
    assert fit.r2 < fit.linear_r2


def test_missing_steps_are_left_out_and_the_seed_fixes_the_intervals():
    rewards = 1.4 - 0.5 * np.exp(ENTROPIES) + 0.01 * np.random.default_rng(0).normal(size=200)
    holes = np.where(np.arange(200) % 5 == 0, np.nan, rewards)
    assert law.fit_law(ENTROPIES, holes) == law.fit_law(ENTROPIES, holes)
    assert law.fit_law(ENTROPIES, holes).points == 160


@pytest.mark.parametrize(
    ("entropies", "message"), [([0.5, 0.4, np.nan, 0.2], "at least 4"), ([0.5] * 9, "entropy stays at 0.5 nats")]
)
def test_runs_that_fix_no_law_are_refused_with_the_reason(entropies, message):
    with pytest.raises(ValueError, match=message):
        law.fit_law(np.array(entropies), np.arange(len(entropies)))


def test_constant_rewards_have_no_explained_variance_rather_than_a_division_by_zero():
    assert np.isnan(law.fit_law(ENTROPIES, np.full(200, 0.5)).r2)


def test_smoothing_averages_a_centred_window_that_is_cut_at_the_ends():
    values = np.array([0.0, 3.0, 6.0, 9.0, np.nan])
    # windows of 3: (0, 3), (0, 3, 6), (3, 6, 9), (6, 9), (9)
    np.testing.assert_allclose(law.smooth(values, 3), [1.5, 3.0, 6.0, 7.5, 9.0])
    assert np.isnan(law.smooth(np.array([np.nan, np.nan]), 3)).all()
