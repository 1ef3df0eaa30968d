import numpy as np
import pytest

from entropy_rl.lab import law

ENTROPIES = 0.03 + 0.9 * np.exp(-np.arange(200) / 30)


def test_planted_coefficients_are_recovered_exactly_without_noise():
    fit = law.fit_law(ENTROPIES, 1.4 - 0.5 * np.exp(ENTROPIES))
    np.testing.assert_allclose([fit.a, fit.b, fit.ceiling, fit.r2], [0.5, 1.4, 0.9, 1.0], atol=1e-9)
    np.testing.assert_allclose(fit(np.array([0.0])), 0.9, atol=1e-9)
    assert fit.linear_r2 < fit.r2


def test_planted_coefficients_lie_in_the_intervals_of_noisy_runs_about_as_often_as_stated():
    inside = 0
    for seed in range(30):
        noise = 0.03 * np.random.default_rng(seed).normal(size=200)
        fit = law.fit_law(ENTROPIES, 1.4 - 0.5 * np.exp(ENTROPIES) + noise, draws=100)
        inside += fit.ceiling_interval[0] <= 0.9 <= fit.ceiling_interval[1]
    assert 20 <= inside <= 30  # 27 expected at 90 %; blocks of 14 make the intervals a little narrow


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
