"""The tiled log-prob and entropy against dense ones, values and gradients."""

from __future__ import annotations

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


def dense(hidden, head, targets, temperature):
    scores = jax.nn.log_softmax(jnp.einsum("BTD,VD->BTV", hidden, head) / temperature[:, None, None])
    return jnp.take_along_axis(scores, targets[..., None], -1)[..., 0], -jnp.sum(jnp.exp(scores) * scores, -1)


def gradient(function, inputs):
    hidden, head, targets, temperature = inputs

    def loss(hidden, head):
        chosen, entropies = function(hidden, head, targets, temperature)
        return jnp.sum(jnp.sin(chosen) + entropies**2)

    return jax.jit(jax.grad(loss, argnums=(0, 1)))(hidden, head)


def tiles_of(monkeypatch, tokens):
    monkeypatch.setattr(logprobs, "SMALLEST_TILE", 1)
    monkeypatch.setattr(logprobs, "TILE_ELEMENTS", tokens * BATCH * VOCABULARY)


@pytest.mark.parametrize("tile_tokens", [1, 2, 3, 7])
def test_tiles_of_any_size_give_the_dense_values_and_gradients(monkeypatch, inputs, tile_tokens):
    tiles_of(monkeypatch, tile_tokens)
    for tiled, exact in zip(logprobs.logprobs_and_entropies(*inputs), dense(*inputs), strict=True):
        np.testing.assert_allclose(tiled, exact, atol=1e-5)
    for tiled, exact in zip(gradient(logprobs.logprobs_and_entropies, inputs), gradient(dense, inputs), strict=True):
        np.testing.assert_allclose(tiled, exact, atol=1e-5)


def test_two_equal_logits_give_minus_log_two_and_log_two():
    head = jnp.asarray([[1.0], [1.0]])
    chosen, entropies = logprobs.logprobs_and_entropies(
        jnp.ones((1, 1, 1)), head, jnp.zeros((1, 1), jnp.int32), jnp.ones(1)
    )
    np.testing.assert_allclose([chosen[0, 0], entropies[0, 0]], [-np.log(2), np.log(2)], rtol=1e-6)


def test_no_array_of_all_logits_exists(monkeypatch, inputs):
    tiles_of(monkeypatch, 1)
    program = jax.make_jaxpr(lambda *a: gradient(logprobs.logprobs_and_entropies, a))(*inputs)
    assert f"[{BATCH},{LENGTH},{VOCABULARY}]" not in str(program)
    assert f"[{BATCH},1,{VOCABULARY}]" in str(program)


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
