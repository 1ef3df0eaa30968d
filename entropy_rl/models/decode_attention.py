"""Attention of generation: one new token per row, over its prompt and what the row has generated.

Rows write their tokens into the same column of the cache at the same time, whatever their own lengths: a row that came
later sees the columns from its first one on. Columns are used in a ring, so that rows may come for as long as they
like. Before the ring is full only the part of it that holds tokens is read, in steps of a few fixed widths.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp

from entropy_rl.models import kv_cache
from entropy_rl.models.attention import MASKED, Manner
from entropy_rl.models.kv_cache import KeysValues
from entropy_rl.types import Array

SMALLEST_WIDTH = 64  # columns read at least, if there are so many


def widths(length: int, most: int) -> list[int]:
    """How many columns of a cache of `length` may be read at a time: at most so many choices, evenly spaced."""
    count = max(1, min(most, length // SMALLEST_WIDTH))
    return [-(-length * number // count) for number in range(1, count + 1)]


def one_token(
    query: Array,
    cache: KeysValues,
    layer: Array,
    prompt_cache: KeysValues,
    column: Array,
    numbers: Array,
    prompt_mask: Array,
    manner: Manner,
    most_widths: int,
) -> Array:
    """One new token per row attends to its prompt and to the filled part of its response cache.

    Args:
      query: [b, K, R, H], the b / P rows of a prompt adjacent.
      cache: of all layers [L, B, K, T, H]; rows are the first b.
      layer: [] int32.
      prompt_cache: of this layer [P, K, Q, H].
      column: [] int32 of the new token, counted on and on; it lies in column % T.
      numbers: [b] int32 of the token in its response, or [] where all have the same.
      prompt_mask: [P, Q] bool.
      manner: of the layer.
      most_widths: programs for reading more and more of the cache.

    Returns:
      [b, K, R, H].
    """
    length = cache.keys.shape[3]
    to_prompt = _prompt_scores(query, prompt_cache, numbers, prompt_mask, manner)  # [b, K, R, Q]

    def over(width: int, cache: KeysValues) -> Array:
        own = kv_cache.read(cache, layer, query.shape[0], width)
        age = (column - jnp.arange(width)) % length  # [T']
        allowed = (age <= numbers[..., None]) & manner.near(age)  # [b, T'] or [T']
        scores = _scores("BKRH,BKTH->BKRT", query, own, manner)
        scores = jnp.where(allowed[:, None, None] if allowed.ndim == 2 else allowed, scores, MASKED)
        weights = jax.nn.softmax(jnp.concatenate([to_prompt, scores], axis=-1), axis=-1)
        prompt_width = prompt_mask.shape[1]
        by_prompt = weights[..., :prompt_width].reshape(prompt_mask.shape[0], -1, *weights.shape[1:3], prompt_width)
        attended = _mix("PGKRQ,PKQH->PGKRH", by_prompt, prompt_cache, query.dtype).reshape(query.shape)
        return attended + _mix("BKRT,BKTH->BKRH", weights[..., prompt_width:], own, query.dtype)

    choices = widths(length, most_widths)
    if len(choices) == 1:
        return over(length, cache)
    chosen = sum((column >= width).astype(jnp.int32) for width in choices[:-1])
    return jax.lax.switch(chosen, [functools.partial(over, width) for width in choices], cache)


def _prompt_scores(query: Array, prompt_cache: KeysValues, numbers: Array, prompt_mask: Array, manner: Manner) -> Array:
    prompts, width = prompt_mask.shape
    by_prompt = query.reshape(prompts, -1, *query.shape[1:])  # [P, G, K, R, H]
    scores = _scores("PGKRH,PKQH->PGKRQ", by_prompt, prompt_cache, manner).reshape(*query.shape[:3], width)
    distance = width + numbers[..., None] - jnp.arange(width)  # [b, Q] or [Q]
    visible = jnp.repeat(prompt_mask, query.shape[0] // prompts, axis=0) & manner.near(distance)
    return jnp.where(visible[:, None, None], scores, MASKED)


def _scores(equation: str, query: Array, stored: KeysValues, manner: Manner) -> Array:
    """Float32 scores; the scales of quantized keys multiply them before a cap does."""
    scores: Any = jnp.einsum(equation, query, stored.keys.astype(query.dtype), preferred_element_type=jnp.float32)
    if stored.key_scales is not None:
        scores = scores * _over_queries(stored.key_scales, scores)
    scores = scores * manner.scale
    return scores if manner.softcap is None else manner.softcap * jnp.tanh(scores / manner.softcap)


def _mix(equation: str, weights: Array, stored: KeysValues, dtype: Any) -> Array:
    if stored.value_scales is not None:
        weights = weights * _over_queries(stored.value_scales, weights)
    mixed: Any = jnp.einsum(equation, weights.astype(dtype), stored.values.astype(dtype))
    return mixed


def _over_queries(scales: Array, like: Array) -> Array:
    """[b, K, T] beside [b, K, R, T], or [P, K, Q] beside [P, G, K, R, Q]."""
    scales = scales[:, :, None]
    return scales[:, None] if like.ndim == 5 else scales
