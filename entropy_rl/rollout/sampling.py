"""One token per row by inverting the cumulative distribution, and the randomness that decides it.

A sample is a pure function of (seed, purpose, draw, sample, position), wherever its row is placed and whatever shares
its batch. One uniform number per token; Gumbel noise would need one per vocabulary entry.
"""

from __future__ import annotations

import enum

import jax
import jax.numpy as jnp

from entropy_rl.types import Array

BLOCK = 128  # vocabulary entries summed at a time


class Purpose(enum.IntEnum):
    """Separates the streams of random numbers of a run."""

    TRAIN = 0
    VALIDATION = 1
    TEST = 2
    UPDATE = 3
    MINI_BATCHES = 4
    ANCHOR = 5  # responses of the reference policy, beside those of TRAIN
    REFINEMENT = 6
    CONVERSATION = 7
    TEMPERING = 8


def row_keys(seed: Array | int, purpose: Array | int, draws: Array, samples: Array) -> Array:
    """[B] keys for rows of prompt-stream positions `draws` [B] and sample numbers `samples` [B], both uint32."""
    root = jax.random.fold_in(jax.random.key(seed), purpose)
    return jax.vmap(lambda draw, sample: jax.random.fold_in(jax.random.fold_in(root, draw), sample))(draws, samples)


def uniforms(keys: Array, position: Array) -> Array:
    """[B] float32 in [0, 1): the number that decides the token at `position`, [] or [B], of each row."""
    positions = jnp.broadcast_to(position, keys.shape)
    return jax.vmap(lambda key, at: jax.random.uniform(jax.random.fold_in(key, at)))(keys, positions)


def sample_token(logits: Array, uniform: Array) -> tuple[Array, Array, Array]:
    """Draws from softmax(logits): the first token whose cumulative probability exceeds the uniform number.

    Sums go block by block, so that a large vocabulary is read twice, no probability of it is ever stored, and only one
    block is accumulated.

    Args:
      logits: [B, V] float32, over the temperature.
      uniform: [B] float32 in [0, 1).

    Returns:
      tokens [B] int32, their log-probabilities [B] and the entropies [B], float32 in nats.
    """
    rows, vocabulary = logits.shape
    shifted = logits - jnp.max(logits, axis=-1, keepdims=True)
    shifted = jnp.pad(shifted, ((0, 0), (0, -vocabulary % BLOCK)), constant_values=-jnp.inf)
    blocks = shifted.reshape(rows, -1, BLOCK)  # [B, V / BLOCK, BLOCK]; only sums of it are kept
    ends = jnp.cumsum(jnp.exp(blocks).sum(axis=-1), axis=-1)  # [B, V / BLOCK]
    total = ends[:, -1]
    target = uniform * total
    block = jnp.minimum(jnp.sum(ends <= target[:, None], axis=-1), ends.shape[1] - 1)  # [B]
    start = jnp.where(block > 0, jnp.take_along_axis(ends, jnp.maximum(block - 1, 0)[:, None], axis=1)[:, 0], 0.0)
    candidates = jnp.take_along_axis(blocks, block[:, None, None], axis=1)[:, 0]  # [B, BLOCK]
    inside = jnp.exp(candidates)
    passed = start[:, None] + jnp.cumsum(inside, axis=-1) <= target[:, None]
    last = BLOCK - 1 - jnp.argmax((inside > 0)[:, ::-1], axis=-1)  # rounding must not step onto an impossible token
    place = jnp.minimum(passed.sum(axis=-1), last)
    chosen = jnp.take_along_axis(candidates, place[:, None], axis=1)[:, 0]
    tokens = jnp.minimum(block * BLOCK + place, vocabulary - 1).astype(jnp.int32)
    return tokens, chosen - jnp.log(total), _entropy(blocks.reshape(rows, -1), total)


def likeliest_token(logits: Array) -> tuple[Array, Array, Array]:
    """What sampling becomes at temperature 0: a sure choice, the first of several equal ones.

    Args:
      logits: [B, V] float32.

    Returns:
      tokens [B] int32, and zeros [B] float32 for their log-probabilities and the entropies.
    """
    zeros = jnp.zeros(logits.shape[:1], jnp.float32)
    return jnp.argmax(logits, axis=-1).astype(jnp.int32), zeros, zeros


def entropy(logits: Array) -> Array:
    """[B] nats of softmax(logits), [B, V]; impossible tokens, of logit -inf, add nothing."""
    shifted = logits - jnp.max(logits, axis=-1, keepdims=True)
    return _entropy(shifted, jnp.exp(shifted).sum(axis=-1))


def _entropy(shifted: Array, total: Array) -> Array:
    """log Z - sum_v p_v x_v of logits x, whose largest is 0, and Z = sum_v exp(x_v): one more pass, nothing kept."""
    weighted = jnp.where(shifted > -jnp.inf, jnp.exp(shifted) * shifted, 0.0)
    return jnp.log(total) - weighted.sum(axis=-1) / total
