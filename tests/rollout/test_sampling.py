"""One uniform number to one token: the right distribution, the right log-prob, never an impossible token."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from entropy_rl.rollout import sampling


@pytest.mark.parametrize("vocabulary", [5, 128, 300])
def test_counts_of_sampled_tokens_fit_the_distribution(vocabulary):
    logits = jax.random.normal(jax.random.key(0), (vocabulary,)) * 1.5
    draws = 20_000
    uniform = jax.random.uniform(jax.random.key(1), (draws,))
    tokens, _, _ = jax.jit(sampling.sample_token)(jnp.broadcast_to(logits, (draws, vocabulary)), uniform)
    expected = np.asarray(jax.nn.softmax(logits), np.float64) * draws
    common = expected > 5
    counts = np.bincount(np.asarray(tokens), minlength=vocabulary)
    observed = np.append(counts[common], counts[~common].sum())
    wanted = np.append(expected[common], max(expected[~common].sum(), 1e-9))
    keep = wanted > 1e-6
    assert scipy.stats.chisquare(observed[keep], wanted[keep] * observed[keep].sum() / wanted[keep].sum()).pvalue > 1e-3


def test_the_token_is_the_first_whose_cumulative_probability_exceeds_the_number():
    logits = jnp.log(jnp.asarray([[0.25, 0.5, 0.25]] * 5))  # cumulative .25, .75, 1
    tokens, logprobs, entropies = sampling.sample_token(logits, jnp.asarray([0.0, 0.2499, 0.2501, 0.7499, 0.7501]))
    np.testing.assert_array_equal(tokens, [0, 0, 1, 1, 2])
    np.testing.assert_allclose(logprobs, np.log([0.25, 0.25, 0.5, 0.5, 0.25]), rtol=1e-6)
    np.testing.assert_allclose(entropies, 1.5 * np.log(2), rtol=1e-6)  # .5 ln 2 + .5 ln 4


def test_an_impossible_token_is_never_sampled_even_at_the_ends():
    logits = jnp.full((4, 400), -jnp.inf).at[:, jnp.asarray([130, 131])].set(0.0)
    tokens, logprobs, entropies = sampling.sample_token(logits, jnp.asarray([0.0, 0.4999, 0.5, 1 - 2**-24]))
    np.testing.assert_array_equal(tokens, [130, 130, 131, 131])
    np.testing.assert_allclose(logprobs, -np.log(2), rtol=1e-6)
    np.testing.assert_allclose(entropies, np.log(2), rtol=1e-6)
    np.testing.assert_allclose(sampling.entropy(logits), np.log(2), rtol=1e-6)


def test_random_numbers_do_not_depend_on_the_place_of_a_row():
    draws, samples = jnp.asarray([4, 7, 4], jnp.uint32), jnp.asarray([0, 0, 1], jnp.uint32)
    keys = sampling.row_keys(3, sampling.Purpose.TRAIN, draws, samples)
    numbers = sampling.uniforms(keys, jnp.int32(5))
    order = jnp.asarray([2, 0, 1])
    again = sampling.uniforms(sampling.row_keys(3, sampling.Purpose.TRAIN, draws[order], samples[order]), jnp.int32(5))
    np.testing.assert_array_equal(again, numbers[order])
    assert len(set(np.asarray(numbers).tolist())) == 3


def test_streams_of_different_purposes_and_positions_differ():
    one = jnp.zeros(1, jnp.uint32)
    numbers = {
        float(sampling.uniforms(sampling.row_keys(0, purpose, one, one), jnp.int32(position))[0])
        for purpose in sampling.Purpose
        for position in range(3)
    }
    assert len(numbers) == 3 * len(sampling.Purpose)
