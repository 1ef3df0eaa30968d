"""The decoder against an independent one, and its three ways of computing the same thing against each other."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from entropy_rl.models import attention
from entropy_rl.models.decoder import Decoder
from tests.models.oracle import in_numpy as oracle
from tests.policies import TINY, prompts_of, tiny_params

GROUP, LENGTH, WIDTH = 3, 6, 5
PROMPTS, MASK = prompts_of([5, 2, 4], WIDTH)
RESPONSES = np.random.default_rng(1).integers(2, TINY.vocab_size, (9, LENGTH)).astype(np.int32)


@pytest.fixture(scope="module")
def hidden():
    return np.asarray(jax.jit(TINY.response_hidden)(tiny_params(), PROMPTS, MASK, RESPONSES))


def test_shared_prompts_give_what_a_full_copy_of_each_sequence_gives(hidden):
    for row in range(9):
        prompt = PROMPTS[row // GROUP][MASK[row // GROUP]].tolist()
        expected = oracle.hidden_states(TINY, tiny_params(), prompt + RESPONSES[row].tolist())
        np.testing.assert_allclose(hidden[row], expected[len(prompt) - 1 : -1], atol=2e-5)


def test_prefill_and_decode_give_the_teacher_forced_hidden_states(hidden):
    prompt_cache, first = jax.jit(TINY.prefill)(tiny_params(), PROMPTS, MASK)
    np.testing.assert_allclose(np.repeat(first, GROUP, axis=0), hidden[:, 0], atol=1e-5)
    cache = TINY.response_cache(9, LENGTH)
    decode = jax.jit(TINY.decode)
    for index in range(LENGTH - 1):
        step, cache = decode(tiny_params(), RESPONSES[:, index], jnp.int32(index), MASK, prompt_cache, cache)
        np.testing.assert_allclose(step, hidden[:, index + 1], atol=1e-5)


def test_attention_in_query_blocks_changes_neither_values_nor_gradients(monkeypatch, hidden):
    def loss(params):
        return jnp.sum(jnp.sin(TINY.response_hidden(params, PROMPTS, MASK, RESPONSES)))

    whole = jax.jit(jax.grad(loss))(tiny_params())
    monkeypatch.setattr(attention, "QUERY_BLOCK", 2)
    in_blocks = jax.jit(jax.grad(lambda params: loss(params)))(tiny_params())
    jax.tree.map(assert_close_to_its_size, whole, in_blocks)


def test_what_follows_a_token_does_not_change_it(hidden):
    changed = RESPONSES.copy()
    changed[:, 3:] = 7
    again = jax.jit(TINY.response_hidden)(tiny_params(), PROMPTS, MASK, changed)
    np.testing.assert_array_equal(again[:, :4], hidden[:, :4])  # token 3 is predicted from tokens 0 to 2


def test_padding_in_prompts_is_never_read(hidden):
    noise = np.where(MASK, PROMPTS, 9)
    again = jax.jit(TINY.response_hidden)(tiny_params(), noise, MASK, RESPONSES)
    np.testing.assert_array_equal(again, hidden)


def test_recomputed_layers_give_the_same_gradient():
    def gradient(policy):
        loss = lambda p: jnp.sum(policy.response_hidden(p, PROMPTS, MASK, RESPONSES) ** 2)  # noqa: E731
        return jax.jit(jax.grad(loss))(tiny_params())

    again = gradient(dataclasses.replace(TINY, remat=True))
    jax.tree.map(assert_close_to_its_size, gradient(TINY), again)


def test_every_parameter_has_a_logical_axis_per_dimension():
    shapes = jax.eval_shape(TINY.init, jax.random.key(0))
    axes = TINY.logical_axes()
    pairs = jax.tree.map(
        lambda names, leaf: len(names) == leaf.ndim, axes, shapes, is_leaf=lambda x: isinstance(x, tuple)
    )
    assert all(jax.tree.leaves(pairs))
    assert axes["layers"]["query"] == ("layers", "embed", "heads", "head")


def test_tied_embeddings_leave_one_matrix_that_serves_as_head():
    tied = dataclasses.replace(TINY, tied_embeddings=True)
    params = tied.init(jax.random.key(0))
    assert "unembedding" not in params
    np.testing.assert_array_equal(tied.head(params), params["embedding"])


def test_bfloat16_computes_near_float32_and_keeps_float32_weights(hidden):
    half = dataclasses.replace(TINY, compute_dtype="bfloat16")
    assert jax.eval_shape(half.init, jax.random.key(0))["embedding"].dtype == jnp.float32
    values = jax.jit(half.response_hidden)(tiny_params(), PROMPTS, MASK, RESPONSES)
    assert values.dtype == jnp.bfloat16
    assert np.abs(np.asarray(values, np.float32) - hidden).mean() < 0.05 * np.abs(hidden).mean()


@pytest.mark.parametrize(
    ("field", "value", "word"),
    [
        ("heads", 3, "multiple"),
        ("head_width", 7, "even"),
        ("layers", 0, "at least 1"),
        ("compute_dtype", "int8", "bfloat16"),
    ],
)
def test_an_impossible_architecture_is_refused_with_its_remedy(field, value, word):
    with pytest.raises(ValueError, match=word):
        dataclasses.replace(Decoder(vocab_size=8), **{field: value}).validate()


def assert_close_to_its_size(actual, expected):
    """float32 sums in another order: a few 1e-6 of the largest entry."""
    assert np.abs(actual - expected).max() <= 1e-5 * np.abs(expected).max()
