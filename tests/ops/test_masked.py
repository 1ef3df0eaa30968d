"""Masked statistics."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from entropy_rl.ops import covariance, masked

X = jnp.asarray([[1.0, 2.0, jnp.nan], [6.0, jnp.inf, jnp.nan]])
MASK = jnp.asarray([[True, True, False], [True, False, False]])


def test_statistics_match_hand_computation():
    assert masked.sum(X, MASK) == 9.0  # 1 + 2 + 6
    assert masked.count(MASK) == 3
    assert masked.mean(X, MASK) == 3.0
    np.testing.assert_allclose(masked.standard_deviation(X, MASK), np.sqrt((4 + 1 + 9) / 2), rtol=1e-6)
    np.testing.assert_array_equal(masked.mean(X, MASK, axis=1), [1.5, 6.0])


def test_an_empty_mask_gives_zero():
    for statistic in (masked.sum, masked.mean, masked.standard_deviation):
        assert statistic(X, jnp.zeros_like(MASK)) == 0.0


@pytest.mark.parametrize("statistic", [masked.sum, masked.mean])
def test_the_gradient_of_padding_is_zero(statistic):
    gradient = jax.grad(lambda x: statistic(x, MASK))(X)
    np.testing.assert_array_equal(gradient != 0, MASK)


def test_the_covariance_of_two_tokens_matches_hand_computation():
    advantages = jnp.asarray([[3.0, -1.0, jnp.nan]])  # mean 1: centred 2, -2
    logprobs = jnp.asarray([[-1.0, -2.0, jnp.nan]])  # mean -1.5: centred .5, -.5
    product = covariance.centred_product(advantages, logprobs, jnp.asarray([[True, True, False]]))
    np.testing.assert_array_equal(product, [[1.0, 1.0, 0.0]])


def test_the_mean_of_the_covariance_is_that_of_numpy():
    rng = np.random.default_rng(0)
    advantages, logprobs, mask = rng.normal(size=(4, 9)), rng.normal(size=(4, 9)), rng.random((4, 9)) < 0.7
    product = covariance.centred_product(jnp.float32(advantages), jnp.float32(logprobs), jnp.asarray(mask))
    expected = np.cov(advantages[mask], logprobs[mask], ddof=0)[0, 1]
    np.testing.assert_allclose(masked.mean(product, jnp.asarray(mask)), expected, rtol=1e-5)
