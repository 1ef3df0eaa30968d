"""Entropy signals of tokens and the entropy of a nucleus, against whole distributions in float64."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from entropy_rl.ops.discriminator import discriminator, expected_discriminator
from entropy_rl.ops.nucleus import nucleus_entropy, nucleus_mask


def distributions(seed=0, shape=(3, 5, 40)):
    return jax.nn.log_softmax(2.0 * jax.random.normal(jax.random.key(seed), shape))


def test_minus_the_discriminator_is_the_slope_of_the_entropy_in_a_logit():
    logits = jnp.asarray([0.3, -1.0, 2.0, 0.0])

    def entropy(z):
        lp = jax.nn.log_softmax(z)
        return -(jnp.exp(lp) * lp).sum()

    slope = jax.grad(entropy)(logits)
    np.testing.assert_allclose(slope, -discriminator(jax.nn.log_softmax(logits), entropy(logits)), atol=1e-6)


def test_the_discriminator_changes_sign_at_the_probability_exp_minus_entropy():
    entropy = 1.5
    assert discriminator(jnp.float32(-1.4), entropy) > 0 > discriminator(jnp.float32(-1.6), entropy)


def test_the_expected_discriminator_is_the_mean_over_the_vocabulary():
    lp = np.asarray(distributions(), np.float64)
    entropies = -(np.exp(lp) * lp).sum(-1, keepdims=True)
    expected = (np.exp(lp) * np.exp(lp) * (lp + entropies)).sum(-1)
    np.testing.assert_allclose(expected_discriminator(jnp.asarray(lp, jnp.float32)), expected, atol=1e-6)


@pytest.mark.parametrize("top_p", [0.1, 0.5, 0.8, 0.99])
def test_the_nucleus_is_the_smallest_set_that_holds_its_share(top_p):
    logprobs = distributions(1)
    for lp, inside in zip(
        np.asarray(logprobs).reshape(-1, 40), nucleus_mask(logprobs, top_p).reshape(-1, 40), strict=True
    ):
        order = np.argsort(-lp)
        size = int(np.searchsorted(np.cumsum(np.exp(lp[order]).astype(np.float64)), top_p) + 1)
        np.testing.assert_array_equal(np.flatnonzero(inside), np.sort(order[:size]))


def test_tied_tokens_enter_the_nucleus_together():
    logprobs = jnp.log(jnp.asarray([0.4, 0.2, 0.2, 0.2]))
    np.testing.assert_array_equal(nucleus_mask(logprobs, 0.5), [True, True, True, True])
    np.testing.assert_array_equal(nucleus_mask(logprobs, 0.3), [True, False, False, False])


def test_the_entropy_of_two_tokens_out_of_three_matches_hand_computation():
    # .5 and .25 hold .75: renormalised 2/3 and 1/3, H = log 3 - 2/3 log 2
    logprobs = jnp.log(jnp.asarray([0.5, 0.25, 0.25 - 1e-3, 1e-3]))
    np.testing.assert_allclose(nucleus_entropy(logprobs, 0.7), np.log(3) - 2 / 3 * np.log(2), rtol=1e-6)


def test_the_whole_vocabulary_has_the_whole_entropy_and_its_gradient():
    logits = 2.0 * jax.random.normal(jax.random.key(2), (4, 30))

    def entropy(z):
        lp = jax.nn.log_softmax(z)
        return -(jnp.exp(lp) * lp).sum(-1).sum()

    def within(z):
        return nucleus_entropy(jax.nn.log_softmax(z), 1.0).sum()

    np.testing.assert_allclose(within(logits), entropy(logits), rtol=1e-6)
    np.testing.assert_allclose(jax.grad(within)(logits), jax.grad(entropy)(logits), atol=1e-6)


def test_the_gradient_in_the_logits_is_the_one_in_the_docstring():
    logits = 2.0 * jax.random.normal(jax.random.key(4), (30,))
    lp = jax.nn.log_softmax(logits)
    inside = np.asarray(nucleus_mask(lp, 0.7))
    q = np.where(inside, np.exp(np.asarray(lp, np.float64)), 0)
    q /= q.sum()
    entropy = -sum(x * np.log(x) for x in q[inside])
    expected = [-x * (np.log(x) + entropy) if x else 0.0 for x in q]
    slope = jax.grad(lambda z: nucleus_entropy(jax.nn.log_softmax(z), 0.7))(logits)
    np.testing.assert_allclose(slope, expected, atol=1e-6)


def test_a_token_outside_the_nucleus_has_no_gradient_in_its_logit():
    logits = jnp.asarray([2.0, 1.9, -1.0, -3.0])
    slope = jax.grad(lambda z: nucleus_entropy(jax.nn.log_softmax(z), 0.8))(logits)
    np.testing.assert_allclose(slope[2:], [0.0, 0.0], atol=1e-7)
    assert slope[0] < 0 < slope[1]  # towards equality of the two inside
