"""Divergence estimators: values, slopes and what their gradients are worth."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from entropy_rl.ops import kl


@pytest.mark.parametrize(
    ("estimator", "value", "slope"),
    [
        (kl.k1, np.log(2), 1.0),
        (kl.k2, np.log(2) ** 2 / 2, np.log(2)),
        (kl.k3, 0.5 + np.log(2) - 1, 0.5),  # 1 - exp(-log 2)
        (kl.unbiased, 0.5 + np.log(2) - 1, np.log(2)),
        (kl.absolute, np.log(2), 1.0),
        (lambda x: kl.huber(x, 0.1), np.log(2) - 0.05, 1.0),
        (lambda x: kl.huber(x, 1.0), np.log(2) ** 2 / 2, np.log(2)),
    ],
)
def test_a_ratio_of_two_matches_hand_computation(estimator, value, slope):
    actual = jax.value_and_grad(estimator)(jnp.float32(np.log(2)))
    np.testing.assert_allclose(actual, (value, slope), rtol=1e-6)


@pytest.mark.parametrize("estimator", [kl.k2, kl.k3, kl.unbiased, kl.absolute, lambda x: kl.huber(x, 0.1)])
def test_an_equal_policy_is_left_alone(estimator):
    assert jax.value_and_grad(estimator)(0.0) == (0.0, 0.0)
    assert jax.grad(jnp.abs)(0.0) == 1.0  # why `absolute` exists


def test_huge_ratios_stay_finite():
    for x in (-100.0, 100.0):
        assert all(np.isfinite(jax.value_and_grad(f)(x)).all() for f in (kl.k2, kl.k3, kl.unbiased, kl.absolute))


@pytest.mark.parametrize(
    ("estimator", "divergence"),
    [
        (kl.k1, lambda p, q: 0.0 * p.sum()),
        (kl.k2, lambda p, q: (p * jnp.log(p / q)).sum()),
        (kl.unbiased, lambda p, q: (p * jnp.log(p / q)).sum()),
        (kl.k3, lambda p, q: (q * jnp.log(q / p)).sum()),
    ],
    ids=["k1: nothing", "k2: KL", "unbiased: KL", "k3: the other KL"],
)
def test_the_expected_gradient_is_that_of_the_divergence_it_claims(estimator, divergence):
    logits, other = jnp.asarray([0.3, -1.0, 0.9, 0.0]), jax.nn.softmax(jnp.asarray([1.0, 0.2, -0.5, 0.1]))

    def expected_loss(z):
        logprobs = jax.nn.log_softmax(z)
        return (jax.lax.stop_gradient(jnp.exp(logprobs)) * estimator(logprobs - jnp.log(other))).sum()

    expected = jax.grad(lambda z: divergence(jax.nn.softmax(z), other))(logits)
    np.testing.assert_allclose(jax.grad(expected_loss)(logits), expected, atol=1e-6)
