"""The tiled log-prob and entropy against dense ones, values and gradients."""

from __future__ import annotations

import functools
import math
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from entropy_rl.ops import logprobs

BATCH, LENGTH, WIDTH, VOCABULARY = 3, 7, 5, 11


@pytest.fixture(scope="module")
def inputs():
    rng = np.random.default_rng(0)
    hidden = jnp.asarray(rng.normal(size=(BATCH, LENGTH, WIDTH)), jnp.float32)
    head = jnp.asarray(rng.normal(size=(VOCABULARY, WIDTH)), jnp.float32)
    targets = jnp.asarray(rng.integers(0, VOCABULARY, (BATCH, LENGTH)), jnp.int32)
    return hidden, head, targets, jnp.asarray([0.5, 1.0, 2.0])


def dense(hidden, head, targets, temperature, softcap=None):
    logits = jnp.einsum("BTD,VD->BTV", hidden, head)
    logits = logits if softcap is None else softcap * jnp.tanh(logits / softcap)
    scores = jax.nn.log_softmax(logits / temperature[:, None, None])
    return jnp.take_along_axis(scores, targets[..., None], -1)[..., 0], -jnp.sum(jnp.exp(scores) * scores, -1)


def gradient(function, inputs):
    hidden, head, targets, temperature = inputs

    def loss(hidden, head):
        chosen, entropies = function(hidden, head, targets, temperature)
        return jnp.sum(jnp.sin(chosen) + entropies**2)

    return jax.jit(jax.grad(loss, argnums=(0, 1)))(hidden, head)


def tiles_of(monkeypatch, tokens, words):
    monkeypatch.setattr(logprobs, "TILE_TOKENS", tokens)
    monkeypatch.setattr(logprobs, "CPU_TILE_ELEMENTS", min(tokens, BATCH * LENGTH) * words)


CUTS = [(1, 1), (2, 4), (21, 4), (21, 5), (21, 11), (4, 11), (5, 2), (100, 3)]  # tokens x words; some leave a rest


@pytest.mark.parametrize("softcap", [None, 2.0])
@pytest.mark.parametrize("cut", CUTS)
def test_tiles_of_any_size_give_the_dense_values_and_gradients(monkeypatch, inputs, cut, softcap):
    tiles_of(monkeypatch, *cut)
    hidden, head, *rest = inputs

    def tiled(hidden, head, *rest):
        return logprobs.logprobs_and_entropies(hidden, logprobs.Head(head, softcap), *rest)

    exact = functools.partial(dense, softcap=softcap)
    for value, wanted in zip(tiled(hidden, head, *rest), exact(hidden, head, *rest), strict=True):
        np.testing.assert_allclose(value, wanted, atol=1e-5)
    for value, wanted in zip(gradient(tiled, inputs), gradient(exact, inputs), strict=True):
        assert np.linalg.norm(value - wanted) <= 1e-6 * np.linalg.norm(wanted)


def test_two_equal_logits_give_minus_log_two_and_log_two():
    head = jnp.asarray([[1.0], [1.0]])
    chosen, entropies = logprobs.logprobs_and_entropies(
        jnp.ones((1, 1, 1)), head, jnp.zeros((1, 1), jnp.int32), jnp.ones(1)
    )
    np.testing.assert_allclose([chosen[0, 0], entropies[0, 0]], [-np.log(2), np.log(2)], rtol=1e-6)


def test_neither_all_logits_nor_a_second_head_exist(monkeypatch, inputs):
    tiles_of(monkeypatch, 6, 4)
    program = str(jax.make_jaxpr(lambda *a: gradient(logprobs.logprobs_and_entropies, a))(*inputs))
    sizes = {math.prod(map(int, dims.split(","))) for dims in re.findall(r"f32\[([\d,]+)\]", program)}
    assert 6 * 4 in sizes
    assert BATCH * LENGTH * VOCABULARY not in sizes
    assert f"f32[1,{VOCABULARY},{WIDTH}] = add" not in program  # the head's gradient is added to tile by tile


def test_a_near_certain_token_keeps_the_digits_of_its_small_entropy():
    """Two logits d apart: H = log(1 + e^-d) + d e^-d / (1 + e^-d); log s - u / s adds what log p would cancel."""
    head = jnp.asarray([[12.0], [0.0]])
    _, entropies = logprobs.logprobs_and_entropies(jnp.ones((1, 1, 1)), head, jnp.zeros((1, 1), jnp.int32), jnp.ones(1))
    small = np.exp(-12.0)
    np.testing.assert_allclose(entropies[0, 0], np.log1p(small) + 12.0 * small / (1.0 + small), rtol=1e-2)


def test_a_statistic_of_whole_distributions_is_that_of_dense_logits(inputs):
    hidden, head, targets, temperature = inputs

    def square_of_target(scores, chosen):
        return jnp.take_along_axis(scores, chosen[..., None], -1)[..., 0] ** 2 + jnp.sum(jnp.exp(2 * scores), -1)

    def by_columns(hidden, head, targets, temperature):
        values = logprobs.tile_statistic(square_of_target, hidden, head, targets, temperature)
        return values, jnp.zeros_like(values)

    def at_once(hidden, head, targets, temperature):
        scores = jax.nn.log_softmax(jnp.einsum("BTD,VD->BTV", hidden, head) / temperature[:, None, None])
        values = square_of_target(scores, targets)
        return values, jnp.zeros_like(values)

    np.testing.assert_allclose(by_columns(*inputs)[0], at_once(*inputs)[0], rtol=1e-5)
    for tiled, exact in zip(gradient(by_columns, inputs), gradient(at_once, inputs), strict=True):
        np.testing.assert_allclose(tiled, exact, atol=1e-4)
