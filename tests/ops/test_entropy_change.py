"""The change of entropy between two policies, and its first order."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from entropy_rl.ops import logprobs
from entropy_rl.ops.entropy_change import entropy_change, of_logits
from entropy_rl.ops.logprobs import Head


def in_float64(old: np.ndarray, new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Change and first order, by the definitions."""

    def logged(z: np.ndarray) -> np.ndarray:
        return z - np.log(np.exp(z).sum(axis=-1, keepdims=True))

    before, after = logged(old), logged(new)
    p = np.exp(before)
    entropy = -(p * before).sum(axis=-1, keepdims=True)
    moved = new - old
    centred = moved - (p * moved).sum(axis=-1, keepdims=True)
    return -(np.exp(after) * after).sum(axis=-1) - entropy[..., 0], -(p * (before + entropy) * centred).sum(axis=-1)


def test_a_likelier_word_among_three_matches_hand_computation():
    old = jnp.log(jnp.array([0.5, 0.25, 0.25]))
    new = jnp.log(jnp.array([2.0, 1.0, 1.0]) / 4.0) + jnp.array([np.log(2.0), 0.0, 0.0])  # odds 4 : 1 : 1
    found = of_logits(old, new, jnp.int32(1))
    # H = 1.5 log 2 = 1.0397. First order: -p (log p + H) d = -.5 (-log 2 + 1.5 log 2) log 2 = -.25 log^2 2 = -.1201.
    # After: p = (2/3, 1/6, 1/6): H = 2/3 log 1.5 + 1/3 log 6 = .8676, so the change is -.1722.
    expected = [np.log(0.25), 1.5 * np.log(2), -0.25 * np.log(2) ** 2]
    np.testing.assert_allclose([found.logprobs, found.entropies, found.first_order], expected, rtol=1e-5)
    after = 2 / 3 * np.log(1.5) + 1 / 3 * np.log(6.0)
    np.testing.assert_allclose(found.change, after - 1.5 * np.log(2), rtol=1e-5)


@pytest.mark.parametrize("size", [1e-6, 1e-3, 0.3, 3.0, 30.0])
def test_steps_of_every_size_agree_with_float64(size):
    rng = np.random.default_rng(0)
    old = rng.normal(0.0, 3.0, (40, 17)).astype(np.float32)
    new = (old + rng.normal(0.0, size, old.shape)).astype(np.float32)
    found = of_logits(jnp.asarray(old), jnp.asarray(new), jnp.zeros(40, jnp.int32))
    change, first_order = in_float64(old.astype(np.float64), new.astype(np.float64))
    np.testing.assert_allclose(found.change, change, rtol=0, atol=2e-6 * np.abs(change).max())
    np.testing.assert_allclose(found.first_order, first_order, rtol=0, atol=2e-6 * np.abs(first_order).max())


def test_a_shift_of_all_logits_changes_nothing():
    old = jnp.asarray(np.random.default_rng(1).normal(0.0, 2.0, (8, 9)), jnp.float32)
    found = of_logits(old, old + 3.0, jnp.zeros(8, jnp.int32))
    np.testing.assert_allclose(found.change, 0.0, atol=2e-6)
    np.testing.assert_allclose(found.first_order, 0.0, atol=2e-6)


@pytest.mark.parametrize("softcap", [None, 4.0])
@pytest.mark.parametrize("elements", [1 << 21, 600])  # one tile; tiles of five tokens, the last one padded
def test_tiles_give_what_whole_logits_give(monkeypatch, softcap, elements):
    monkeypatch.setattr(logprobs, "CPU_TILE_ELEMENTS", elements)
    rng = np.random.default_rng(2)
    array = lambda *shape: jnp.asarray(rng.normal(size=shape), jnp.float32)  # noqa: E731
    hidden, moved, weights = array(3, 7, 6), array(3, 7, 6), array(20, 6)
    head = weights if softcap is None else Head(weights, softcap)
    other = weights * 1.1 if softcap is None else Head(weights * 1.1, softcap)
    targets = jnp.asarray(rng.integers(0, 20, (3, 7)), jnp.int32)
    temperature = jnp.array([0.7, 1.0, 1.3])
    found = jax.jit(entropy_change)(hidden, head, moved, other, targets, temperature)
    spread = temperature[:, None].repeat(7, 1)
    whole = of_logits(logprobs.token_logits(hidden, head, spread), logprobs.token_logits(moved, other, spread), targets)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), found, whole)


def test_logits_of_all_tokens_never_exist():
    shape = jax.ShapeDtypeStruct((64, 512, 8), jnp.float32)
    head = jax.ShapeDtypeStruct((1000, 8), jnp.float32)
    targets, temperature = jax.ShapeDtypeStruct((64, 512), jnp.int32), jax.ShapeDtypeStruct((64,), jnp.float32)
    text = jax.jit(entropy_change).lower(shape, head, shape, head, targets, temperature).as_text()
    assert "x1000xf32" in text  # tiles
    assert "32768x1000x" not in text and "64x512x1000x" not in text
