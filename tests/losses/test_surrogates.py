"""Each surrogate by hand: the gradient table of its docstring, quadrant by quadrant, and its limits."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.unclipped import UnclippedSurrogate
from tests import examples

# One response, four tokens of ratio .5, 1.1, 1.5 and 4: below, inside, above the band, and beyond the dual clip of 3.
RATIOS = np.array([0.5, 1.1, 1.5, 4.0])
INSIDE_OUT = ["low", "inside", "high", "far"]


def gradient(surrogate, advantage, ratios=RATIOS):
    """-d loss_t / d log pi_t, summed over the tokens of a response, and the loss of each token."""
    stats = examples.example_stats(prompts=1, group_size=1, length=len(ratios))
    ones = jnp.ones((1, len(ratios)))
    old = -2.0 * ones
    logprobs = old + jnp.log(jnp.asarray(ratios, jnp.float32))[None]
    stats = stats.replace(mask=ones > 0, old_logprobs=old, advantages=advantage * ones, logprobs=logprobs)

    def tokens(logprobs):
        return surrogate(examples.at(stats, logprobs, stats.entropies))

    value, pull = jax.vjp(tokens, logprobs)
    return -pull(jnp.ones_like(value))[0][0], value[0]


DUAL = ClippedSurrogate(0.2, 0.28, 3.0)
TABLES = [
    (ClippedSurrogate(), 2.0, [2 * 0.5, 2 * 1.1, 0, 0]),
    (ClippedSurrogate(), -2.0, [0, -2 * 1.1, -2 * 1.5, -2 * 4.0]),
    (DUAL, 2.0, [2 * 0.5, 2 * 1.1, 0, 0]),
    (DUAL, -2.0, [0, -2 * 1.1, -2 * 1.5, 0]),
    (ClippedSurrogate(0.2, 0.6), 2.0, [2 * 0.5, 2 * 1.1, 2 * 1.5, 0]),
    (UnclippedSurrogate(), 2.0, 2 * RATIOS),
    (UnclippedSurrogate(), -2.0, -2 * RATIOS),
]


@pytest.mark.parametrize(("surrogate", "advantage", "expected"), TABLES, ids=lambda v: repr(v) if callable(v) else "")
def test_the_gradient_of_each_quadrant_is_the_one_in_the_docstring(surrogate, advantage, expected):
    np.testing.assert_allclose(gradient(surrogate, advantage)[0], expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(("advantage", "expected"), [(2.0, [-1, -2.2, -2.56, -2.56]), (-2.0, [1.6, 2.2, 3.0, 6.0])])
def test_the_clipped_value_matches_hand_computation(advantage, expected):
    # A = 2: -2 * (.5, 1.1, 1.28, 1.28);  A = -2: 2 * (.8, 1.1, 1.5, 3)
    np.testing.assert_allclose(gradient(DUAL, advantage)[1], expected, rtol=1e-6)


def test_clipped_marks_the_tokens_without_a_gradient():
    stats = examples.example_stats(1)
    for surrogate in (ClippedSurrogate(), DUAL, UnclippedSurrogate()):
        slope = jax.grad(lambda lp, s=surrogate: s(examples.at(stats, lp, stats.entropies)).sum())(stats.logprobs)
        stopped = np.asarray((slope == 0) & (stats.advantages != 0))
        np.testing.assert_array_equal(np.asarray(surrogate.clipped(stats)), stopped)


def test_on_policy_every_clip_is_the_plain_policy_gradient():
    stats = examples.example_stats(2, on_policy=True)
    for surrogate in (ClippedSurrogate(), ClippedSurrogate(0.0, 0.0), UnclippedSurrogate()):
        slope = jax.grad(lambda lp, s=surrogate: s(examples.at(stats, lp, stats.entropies)).sum())(stats.logprobs)
        np.testing.assert_array_equal(slope, -stats.advantages)
