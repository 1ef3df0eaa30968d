"""Estimators of a divergence from one sampled token, as functions of its log ratio x = log pi - log pi_other, in nats.

The table is what a loss term is good for, with tokens sampled from pi (E over pi, gradient through log pi only):

    estimator   value                 E[value]        gradient of E as a loss
    k1          x                     KL(pi, other)   0: adds noise and nothing else
    k2          x^2 / 2               about KL        that of KL(pi, other)
    k3          exp(-x) + x - 1       KL(pi, other)   that of KL(other, pi), the other direction
    unbiased    k3                    KL(pi, other)   that of KL(pi, other): k3's value with k2's gradient
    absolute    |x|                   total drift     sign(x): does not shrink with x
    huber       |x|, rounded at 0     total drift     sign(x), fading to 0 within `delta`

Source: Schulman 2020, Approximating KL divergence, http://joschu.net/blog/kl-approx.html; the gradients follow from
E[grad log pi] = 0.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from entropy_rl.types import Array

MAX_EXPONENT = 20.0  # exp(20) = 5e8: finite in float32, and far beyond any ratio that still means something


def k1(log_ratio: Array) -> Array:
    """x: unbiased value of either sign, no gradient in expectation."""
    return log_ratio


def k2(log_ratio: Array) -> Array:
    """x^2 / 2: small bias, small variance, the right gradient on-policy."""
    return 0.5 * log_ratio**2


def k3(log_ratio: Array) -> Array:
    """exp(-x) + x - 1: unbiased and never negative."""
    return jnp.expm1(jnp.minimum(-log_ratio, MAX_EXPONENT)) + log_ratio


def unbiased(log_ratio: Array) -> Array:
    """The value of k3 with the gradient of k2."""
    quadratic = k2(log_ratio)
    return jax.lax.stop_gradient(k3(log_ratio)) + (quadratic - jax.lax.stop_gradient(quadratic))


def absolute(log_ratio: Array) -> Array:
    """|x| whose slope at 0 is 0."""
    # jax.grad(jnp.abs)(0.0) is 1, which would push every on-policy token down; sign(0) is 0.
    return log_ratio * jax.lax.stop_gradient(jnp.sign(log_ratio))


def huber(log_ratio: Array, delta: float | Array) -> Array:
    """|x| - delta / 2 beyond `delta`, x^2 / (2 delta) within: noise in x meets a slope that shrinks with it."""
    size = absolute(log_ratio)
    return jnp.where(size > delta, size - 0.5 * delta, log_ratio**2 / (2.0 * delta))
