"""Adapters: inert at the start, merged without a trace, and the only thing that `split` gives the optimiser."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from entropy_rl.models import lora
from entropy_rl.models.decoder import Decoder
from entropy_rl.models.lora import Lora
from tests.policies import prompts_of

BASE = Decoder(
    vocab_size=24, layers=3, width=16, heads=4, kv_heads=2, head_width=6, feed_forward=20, attention_bias=True,
    qk_norm=True,
)  # fmt: skip
ADAPTED = dataclasses.replace(BASE, lora=Lora(rank=3, alpha=5.0))
PROMPTS, MASK = prompts_of([5, 2], 5)
RESPONSES = np.random.default_rng(1).integers(2, 24, (4, 6)).astype(np.int32)
KEY = jax.random.key(0)


def trained_params(policy: Decoder = ADAPTED):
    """Adapters whose second factor has left zero."""
    base, adapters = lora.split(jax.jit(policy.init)(KEY))
    moved = jax.tree.map(lambda leaf: leaf + 0.3 * jax.random.normal(KEY, leaf.shape), adapters)
    return lora.join(base, moved)


def logits(policy: Decoder, params):
    hidden = jax.jit(policy.response_hidden)(params, PROMPTS, MASK, RESPONSES)
    return np.asarray(hidden @ policy.head(params).T)


def test_fresh_adapters_change_nothing_and_leave_the_other_weights_as_drawn_without_them():
    params = jax.jit(ADAPTED.init)(KEY)
    base, adapters = lora.split(params)
    jax.tree.map(np.testing.assert_array_equal, base, jax.jit(BASE.init)(KEY))
    assert set(adapters) == {"layers"} and len(adapters["layers"]) == 14
    np.testing.assert_allclose(logits(ADAPTED, params), logits(BASE, base), atol=1e-5)  # adding zero may fuse otherwise


@pytest.mark.parametrize("targets", [lora.TARGETS, ("output",), ("query", "down")], ids=repr)
def test_merged_weights_give_the_logits_of_weights_and_adapters(targets):
    policy = dataclasses.replace(BASE, lora=Lora(rank=3, alpha=5.0, targets=targets))
    params = trained_params(policy)
    merged = lora.merge(params, policy.lora)
    assert set(merged["layers"]) == set(jax.jit(BASE.init)(KEY)["layers"])
    np.testing.assert_allclose(logits(BASE, merged), logits(policy, params), atol=1e-4)
    assert np.abs(logits(BASE, lora.split(params)[0]) - logits(policy, params)).max() > 0.1


def test_adapters_speak_in_prefill_and_decode_as_in_training():
    params = trained_params()
    forced = jax.jit(ADAPTED.response_hidden)(params, PROMPTS, MASK, RESPONSES)
    prompt_cache, first = jax.jit(ADAPTED.prefill)(params, PROMPTS, MASK)
    np.testing.assert_allclose(jnp.repeat(first, 2, axis=0), forced[:, 0], atol=1e-5)
    cache, decode = ADAPTED.response_cache(4, 6), jax.jit(ADAPTED.decode)
    for index in range(5):
        hidden, cache = decode(params, RESPONSES[:, index], jnp.int32(index), MASK, prompt_cache, cache)
        np.testing.assert_allclose(hidden, forced[:, index + 1], atol=1e-5)


@pytest.mark.parametrize("remat", ["full", "dots", True])
def test_recomputed_layers_give_adapters_the_same_gradient(remat):
    params = trained_params()

    def gradient(policy):
        base, adapters = lora.split(params)

        def loss(adapters):
            hidden = policy.response_hidden(lora.join(base, adapters), PROMPTS, MASK, RESPONSES)
            return jnp.sum(jnp.sin(hidden))

        return jax.jit(jax.grad(loss))(adapters)

    whole, again = gradient(ADAPTED), gradient(dataclasses.replace(ADAPTED, remat=remat))
    for one, other in zip(jax.tree.leaves(whole), jax.tree.leaves(again), strict=True):
        assert float(jnp.abs(one).max()) > 1e-3
        np.testing.assert_allclose(one, other, atol=1e-5 * float(jnp.abs(one).max()))


def test_splitting_and_joining_again_changes_nothing():
    params = trained_params()
    jax.tree.map(np.testing.assert_array_equal, lora.join(*lora.split(params)), params)
    base, adapters = lora.split(jax.jit(BASE.init)(KEY))
    assert adapters == {}
    assert jax.tree.structure(lora.join(base, adapters)) == jax.tree.structure(jax.jit(BASE.init)(KEY))


def test_every_adapter_has_a_logical_axis_per_dimension_and_its_rank_is_not_split():
    axes, shapes = ADAPTED.logical_axes()["layers"], jax.eval_shape(ADAPTED.init, KEY)["layers"]
    assert all(len(axes[name]) == shapes[name].ndim for name in shapes)
    assert axes["output_lora_a"] == ("layers", "heads", "head", "lora rank")
    assert shapes["output_lora_a"].shape == (3, 4, 6, 3)
    assert axes["key_lora_b"] == ("layers", "lora rank", "kv_heads", "head")


@pytest.mark.parametrize(
    ("adapters", "word"),
    [
        (Lora(rank=0), "rank"),
        (Lora(alpha=0.0), "alpha"),
        (Lora(targets=("querry",)), "query"),
        (Lora(targets=()), "one"),
    ],
    ids=repr,
)
def test_impossible_adapters_are_refused_with_their_remedy(adapters, word):
    with pytest.raises(ValueError, match=word):
        dataclasses.replace(BASE, lora=adapters).validate()
