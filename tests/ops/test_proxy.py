"""Lp-Reg's proxy: by hand, and against a loop in float64."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from entropy_rl.ops.proxy import DROPPED, min_p_logprobs


def test_four_tokens_match_hand_computation():
    # .5, .3, .19 and .01: with kappa .1 the bound is .05, and the last is dropped; .99 is left
    logprobs = jnp.log(jnp.asarray([[0.5, 0.3, 0.19, 0.01]] * 2))
    proxy = min_p_logprobs(logprobs, jnp.asarray([1, 3]), 0.1)
    np.testing.assert_allclose(proxy, [np.log(0.3 / 0.99), DROPPED], rtol=1e-6)


def test_without_a_bound_the_proxy_is_the_policy():
    logprobs = jax.nn.log_softmax(jax.random.normal(jax.random.key(0), (3, 4, 20)))
    targets = jax.random.randint(jax.random.key(1), (3, 4), 0, 20)
    expected = jnp.take_along_axis(logprobs, targets[..., None], axis=-1)[..., 0]
    np.testing.assert_allclose(min_p_logprobs(logprobs, targets, 0.0), expected, atol=1e-6)


def test_random_distributions_agree_with_a_loop():
    logprobs = jax.nn.log_softmax(3.0 * jax.random.normal(jax.random.key(2), (50, 30)))
    targets = jax.random.randint(jax.random.key(3), (50,), 0, 30)
    for lp, target, actual in zip(
        np.asarray(logprobs, np.float64), targets, min_p_logprobs(logprobs, targets), strict=True
    ):
        p = np.exp(lp)
        kept = p[p >= 0.02 * p.max()].sum()
        expected = np.log(p[target] / kept) if p[target] >= 0.02 * p.max() else DROPPED
        np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)
