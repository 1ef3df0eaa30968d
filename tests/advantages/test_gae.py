"""Generalised advantages and the critic's loss: by hand, against loops in float64, and their limits."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from entropy_rl.advantages.gae import generalized_advantages
from entropy_rl.losses.value_loss import ClippedValueLoss


def by_loop(values, rewards, mask, gamma, decay):
    advantages = np.zeros(mask.shape)
    for row in range(len(mask)):
        tokens = np.flatnonzero(mask[row])
        if np.isnan(rewards[row]):
            continue
        for i in reversed(range(len(tokens))):
            last = i == len(tokens) - 1
            later_value, later = (0.0, 0.0) if last else (values[row, tokens[i + 1]], advantages[row, tokens[i + 1]])
            delta = (rewards[row] if last else 0.0) + gamma * later_value - values[row, tokens[i]]
            advantages[row, tokens[i]] = delta + gamma * decay * later
    return advantages, (advantages + values) * mask


def test_three_tokens_around_a_hole_match_hand_computation():
    # values 1, 2, 4 and a hole behind the first; reward 8 on the last; gamma = decay = 1/2
    # A_3 = 8 - 4 = 4;  A_2 = 2 - 2 + 4/4 = 1;  A_1 = 1 - 1 + 1/4 = 1/4
    values = jnp.asarray([[1.0, 99.0, 2.0, 4.0, 99.0]])
    mask = jnp.asarray([[1, 0, 1, 1, 0]], bool)
    advantages, returns = generalized_advantages(values, jnp.asarray([8.0]), mask, 0.5, 0.5)
    np.testing.assert_array_equal(advantages, [[0.25, 0, 1, 4, 0]])
    np.testing.assert_array_equal(returns, [[1.25, 0, 3, 8, 0]])


def test_random_ragged_batches_agree_with_a_loop():
    run = jax.jit(generalized_advantages)
    for seed in range(50):
        rng = np.random.default_rng(seed)
        values, rewards = rng.normal(size=(6, 9)), rng.normal(size=6)
        mask = rng.random((6, 9)) < 0.6  # holes, and rows without a token
        rewards[rng.random(6) < 0.1] = np.nan
        gamma, decay = rng.random(2)
        poisoned = jnp.asarray(np.where(mask, values, np.nan), jnp.float32)
        actual = run(poisoned, jnp.asarray(rewards, jnp.float32), jnp.asarray(mask), gamma, decay)
        for one, other in zip(actual, by_loop(values * mask, rewards, mask, gamma, decay), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=2e-6)


def test_without_discount_the_advantage_is_reward_minus_value_and_the_return_the_reward():
    values = jnp.asarray([[0.5, -0.25, 2.0]])
    advantages, returns = generalized_advantages(values, jnp.asarray([1.0]), jnp.ones((1, 3), bool))
    np.testing.assert_array_equal(advantages, 1.0 - values)
    np.testing.assert_array_equal(returns, [[1.0, 1.0, 1.0]])


def test_a_perfect_critic_leaves_nothing_to_learn():
    advantages, _ = generalized_advantages(jnp.full((1, 4), 3.0), jnp.asarray([3.0]), jnp.ones((1, 4), bool))
    assert not advantages.any()


def test_no_gradient_reaches_the_values_through_an_advantage():
    slope = jax.grad(lambda v: generalized_advantages(v, jnp.ones(1), jnp.ones((1, 3), bool))[0].sum())
    assert not slope(jnp.ones((1, 3))).any()


@pytest.mark.parametrize(
    ("value", "expected", "slope"),
    [
        (1.1, 0.5 * 1.9**2, -1.9),  # inside the band about 1, return 3
        (2.0, 0.5 * 1.8**2, 0.0),  # beyond it towards the return: held at 1.2
        (0.5, 0.5 * 2.5**2, -2.5),  # beyond it away from the return: pulled back
    ],
)
def test_the_value_loss_matches_hand_computation(value, expected, slope):
    loss = ClippedValueLoss(epsilon=0.2)
    actual = jax.value_and_grad(lambda v: loss(v, jnp.float32(1.0), jnp.float32(3.0)))(jnp.float32(value))
    np.testing.assert_allclose(actual, (expected, slope), rtol=1e-6)


def test_the_value_loss_agrees_with_float64_on_fifty_batches():
    run = jax.jit(lambda *batch: jax.vjp(lambda v: ClippedValueLoss(0.7)(v, *batch[1:]), batch[0]))
    for seed in range(50):
        new, old, returns = np.random.default_rng(seed).normal(size=(3, 6, 9))
        value, pull = run(*(jnp.asarray(x, jnp.float32) for x in (new, old, returns)))
        free, held = (new - returns) ** 2, (np.clip(new, old - 0.2, old + 0.2) - returns) ** 2
        np.testing.assert_allclose(value, 0.35 * np.maximum(free, held), rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(pull(value * 0 + 1)[0], np.where(held > free, 0, 0.7 * (new - returns)), atol=1e-6)


def test_without_a_band_the_value_loss_is_least_squares():
    new, old, returns = jax.random.normal(jax.random.key(0), (3, 4, 5))
    np.testing.assert_array_equal(ClippedValueLoss(epsilon=float("inf"))(new, old, returns), 0.5 * (new - returns) ** 2)


def test_a_band_of_nothing_is_refused():
    with pytest.raises(ValueError, match="infinity switches the clip off"):
        ClippedValueLoss(epsilon=0.0).validate()
