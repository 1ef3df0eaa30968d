"""Attention over two segments: the prompt, whose keys and values its G responses share, and the response itself.

The softmax runs over both segments at once, so that the result is that of G full copies of the prompt, computed once.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from entropy_rl.types import Array

QUERY_BLOCK = 512  # queries whose scores exist at a time
MASKED = -1e30  # finite: a fully masked row averages its values instead of making NaN, and its loss is masked
IMPLEMENTATIONS = ("auto", "xla", "cudnn", "splash")


def choose(implementation: str) -> str:
    """The implementation that a configuration's `attention` means on this machine.

    Only XLA's is built: the functions below, exact on every device, for every window, soft cap and padding. "auto" is
    that one everywhere. "cudnn" (Ampere GPUs and newer, bfloat16) and "splash" (TPU) are names kept for the kernels to
    come: they attend to one segment, and training here attends to two.

    Raises:
      ValueError: for one that is not built, or that no device has.
    """
    if implementation in ("auto", "xla"):
        return "xla"
    if implementation in IMPLEMENTATIONS:
        raise ValueError(
            f"policy.attention is {implementation!r}, a kernel that is not available yet; write 'auto', which takes "
            "the fastest implementation that is, or 'xla'"
        )
    raise ValueError(f"policy.attention is {implementation!r}; choose {' or '.join(map(repr, IMPLEMENTATIONS))}")


@dataclasses.dataclass(frozen=True)
class Manner:
    """How a layer attends.

    Attributes:
      scale: of the scores.
      softcap: c in c * tanh(score / c), or None.
      window: [] int32; a token sees itself and the window - 1 tokens before it, across prompt and response. None: all.
    """

    scale: float
    softcap: float | None = None
    window: Array | None = None

    def scores(self, equation: str, query: Array, key: Array) -> Array:
        """Scaled, and capped where the layer does so, in float32."""
        scores: Any = jnp.einsum(equation, query, key, preferred_element_type=jnp.float32)
        scores = scores * self.scale  # after the product: bfloat16 queries would round
        return scores if self.softcap is None else self.softcap * jnp.tanh(scores / self.softcap)

    def near(self, distance: Array) -> Array | bool:
        """Whether a key so many tokens back is within the window."""
        return True if self.window is None else distance < self.window


def causal(query: Array, key: Array, value: Array, key_mask: Array, manner: Manner) -> Array:
    """Each token attends to itself and to the valid tokens before it.

    Args:
      query: [P, Q, K, R, H]; R query heads share each key head.
      key, value: [P, Q, K, H].
      key_mask: [P, Q] bool.
      manner: of the layer.

    Returns:
      [P, Q, K, R, H].
    """
    length = query.shape[1]

    def block(start: Array | int, queries: Array) -> Array:
        scores = manner.scores("PTKRH,PSKH->PKRTS", queries, key)
        distance = (start + jnp.arange(queries.shape[1]))[:, None] - jnp.arange(length)[None, :]  # [T, S]
        allowed = ((distance >= 0) & manner.near(distance))[None] & key_mask[:, None, :]
        weights = _softmax(jnp.where(allowed[:, None, None], scores, MASKED), query.dtype)
        return jnp.einsum("PKRTS,PSKH->PTKRH", weights, value)

    return _by_query_blocks(block, query)


def shared_prompt(
    query: Array,
    key: Array,
    value: Array,
    prompt_key: Array,
    prompt_value: Array,
    prompt_mask: Array,
    manner: Manner,
) -> Array:
    """Response tokens attend to their prompt and, causally, to their own response.

    Args:
      query: [B, T, K, R, H], the G rows of a prompt adjacent.
      key, value: [B, T, K, H] of the responses.
      prompt_key, prompt_value: [P, Q, K, H].
      prompt_mask: [P, Q] bool, left-padded, so that the distance to a prompt token does not depend on its length.
      manner: of the layer.

    Returns:
      [B, T, K, R, H].
    """
    prompts, width = prompt_mask.shape
    rows, length = query.shape[:2]
    group = rows // prompts
    grouped = (prompts, group)

    def block(start: Array | int, queries: Array) -> Array:
        by_prompt = queries.reshape(*grouped, *queries.shape[1:])  # [P, G, T, K, R, H]
        to_prompt = manner.scores("PGTKRH,PSKH->PGKRTS", by_prompt, prompt_key)
        numbers = start + jnp.arange(queries.shape[1])
        near = manner.near(width + numbers[:, None] - jnp.arange(width)[None, :])  # [T, S]
        to_prompt = jnp.where(prompt_mask[:, None, None, None, None, :] & near, to_prompt, MASKED)
        to_response = manner.scores("BTKRH,BSKH->BKRTS", queries, key)
        distance = numbers[:, None] - jnp.arange(length)[None, :]
        to_response = jnp.where((distance >= 0) & manner.near(distance), to_response, MASKED)
        scores = jnp.concatenate([to_prompt.reshape(rows, *to_prompt.shape[2:]), to_response], axis=-1)
        weights = _softmax(scores, query.dtype)  # [B, K, R, T, Q + T]
        from_prompt = weights[..., :width].reshape(*grouped, *weights.shape[1:-1], width)
        attended = jnp.einsum("PGKRTS,PSKH->PGTKRH", from_prompt, prompt_value).reshape(queries.shape)
        return attended + jnp.einsum("BKRTS,BSKH->BTKRH", weights[..., width:], value)

    return _by_query_blocks(block, query)


def _softmax(scores: Array, dtype: jnp.dtype) -> Array:
    return jax.nn.softmax(scores, axis=-1).astype(dtype)


def _by_query_blocks(block, query: Array) -> Array:
    """Long inputs go block by block, recomputed backward, so that scores take memory linear in the length."""
    length = query.shape[1]
    if length <= QUERY_BLOCK:
        return block(0, query)
    padded = jnp.pad(query, ((0, 0), (0, -length % QUERY_BLOCK)) + ((0, 0),) * (query.ndim - 2))
    pieces = jnp.moveaxis(padded.reshape(query.shape[0], -1, QUERY_BLOCK, *query.shape[2:]), 1, 0)
    starts = jnp.arange(pieces.shape[0]) * QUERY_BLOCK
    attended = jax.lax.map(lambda piece: jax.checkpoint(block)(*piece), (starts, pieces))
    return jnp.moveaxis(attended, 0, 1).reshape(padded.shape)[:, :length]
