"""The entropy bonus and the leash to a reference: by hand."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from entropy_rl.controls.entropy_bonus import EntropyBonus
from entropy_rl.controls.reference_kl import ReferenceKl
from tests import examples


def test_the_bonus_is_minus_its_coefficient_times_the_entropy():
    stats = examples.example_stats(0)
    method = EntropyBonus(coefficient=0.25)
    expected = -0.25 * stats.entropies * stats.mask
    np.testing.assert_array_equal(method(stats, method.select(stats, examples.KEY)), expected)


@pytest.mark.parametrize(("estimator", "value"), [("k1", 0.5), ("k2", 0.125), ("k3", np.exp(-0.5) - 0.5)])
def test_the_leash_matches_hand_computation(estimator, value):
    stats = examples.example_stats(0)
    stats = stats.replace(
        logprobs=jnp.full(stats.mask.shape, -1.0), reference_logprobs=jnp.full(stats.mask.shape, -1.5)
    )
    method = ReferenceKl(coefficient=2.0, estimator=estimator)
    actual = method(stats, method.select(stats, examples.KEY))
    np.testing.assert_allclose(actual, 2.0 * value * stats.mask, rtol=1e-6)
