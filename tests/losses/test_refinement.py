from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from entropy_rl.losses.aggregation import ConstantNormaliser
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.losses.refinement import RefinementShaping
from entropy_rl.losses.unclipped import UnclippedSurrogate
from tests.examples import N_ORACLE_BATCHES, example_stats, rows, value_and_grad

LOSS = PolicyLoss(RefinementShaping(), aggregate=ConstantNormaliser(12))


def test_a_token_as_likely_as_gamma_is_worth_half_its_advantage():
    stats = example_stats()
    stats = dataclasses.replace(
        stats,
        logprobs=jnp.full(stats.mask.shape, np.log(0.1)),
        advantages=jnp.full(stats.mask.shape, 1.5),
        off_policy=jnp.ones_like(stats.mask),
    )
    np.testing.assert_allclose(RefinementShaping()(stats), -1.5 * 0.1 / (0.1 + 0.1), rtol=1e-5)
    slope = jax.grad(lambda x: RefinementShaping()(dataclasses.replace(stats, logprobs=x)).sum())(stats.logprobs)
    np.testing.assert_allclose(slope, -1.5 * 0.1 * 0.1 / 0.2**2, rtol=1e-5)  # -A gamma p / (p + gamma)^2


def oracle(stats, gamma=0.1, width=12):
    """Loss and gradient in log-probs, float64, token by token."""
    f64 = lambda name: np.asarray(getattr(stats, name), np.float64)  # noqa: E731
    loss, slope, size = 0.0, np.zeros(stats.mask.shape), 0.0
    for row, column in zip(*np.nonzero(np.asarray(stats.mask)), strict=True):
        at = (row, column)
        advantage, logprob = f64("advantages")[at], f64("logprobs")[at]
        if np.asarray(stats.off_policy)[at]:
            p = np.exp(logprob)
            term, tangent = -advantage * p / (p + gamma), -advantage * gamma * p / (p + gamma) ** 2
        else:
            term = tangent = -advantage * np.exp(f64("log_ratio")[at])
        loss, size = loss + term, size + abs(term)
        slope[at] = tangent
    scale = width * np.asarray(stats.mask).any(axis=1).sum()
    return loss / scale, slope / scale, size / scale


def test_value_and_gradient_match_the_oracle_on_ragged_batches():
    step = jax.jit(lambda stats: value_and_grad(LOSS, stats))
    for seed in range(N_ORACLE_BATCHES):
        stats = example_stats(seed)
        assert stats.off_policy is not None
        assert np.asarray(stats.off_policy & stats.mask).any()  # or half of the method goes untested
        value, (slope, _) = step(stats)
        expected, expected_slope, size = oracle(stats)
        assert abs(float(value) - expected) <= 1e-5 * size
        np.testing.assert_allclose(slope, expected_slope, atol=1e-5 * np.abs(expected_slope).max())


def test_padding_is_never_read():
    clean, dirty = example_stats(1), example_stats(1, padding=np.nan)
    jax.tree.map(np.testing.assert_array_equal, value_and_grad(LOSS, clean), value_and_grad(LOSS, dirty))


def test_rows_do_not_depend_on_their_order():
    stats, order = example_stats(2), np.random.default_rng(0).permutation(16)
    value, (slope, _) = value_and_grad(LOSS, stats)
    again, (moved, _) = value_and_grad(LOSS, rows(stats, order))
    np.testing.assert_allclose(again, value, rtol=1e-5)
    np.testing.assert_array_equal(moved, slope[order])


@pytest.mark.parametrize("base", [UnclippedSurrogate(), ClippedSurrogate()], ids=repr)
def test_without_refinements_it_is_its_base_bit_for_bit(base):
    stats = example_stats(3)
    stats = dataclasses.replace(stats, off_policy=jnp.zeros_like(stats.mask))
    plain = PolicyLoss(base, aggregate=ConstantNormaliser(12))
    shaped = PolicyLoss(RefinementShaping(base), aggregate=ConstantNormaliser(12))
    jax.tree.map(np.testing.assert_array_equal, value_and_grad(shaped, stats), value_and_grad(plain, stats))


def test_a_refined_token_is_never_clipped():
    stats = example_stats(4, drift=2.0)
    clip = ClippedSurrogate()
    closed = RefinementShaping(clip).clipped(stats)
    assert stats.off_policy is not None
    assert not np.asarray(closed & stats.off_policy).any()
    assert np.asarray(clip.clipped(stats) & stats.off_policy).any()  # or the test could not fail


def test_gamma_must_leave_a_gradient():
    with pytest.raises(ValueError, match="RefinementShaping.gamma is 0.0"):
        RefinementShaping(gamma=0.0).validate()
