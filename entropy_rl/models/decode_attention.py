"""Attention of generation: one new token per row, over its prompt and what the row has generated."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from entropy_rl.models.attention import MASKED, Manner
from entropy_rl.types import Array


def one_token(
    query: Array,
    cache: tuple[Array, Array],
    prompt_cache: tuple[Array, Array],
    index: Array,
    prompt_mask: Array,
    manner: Manner,
) -> Array:
    """One new token per row attends to its prompt and to the filled part of its response cache.

    Args:
      query: [B, K, R, H].
      cache: keys and values [B, K, T, H].
      prompt_cache: keys and values [P, K, Q, H].
      index: [] of the token in its response; positions up to it are filled.
      prompt_mask: [P, Q] bool.
      manner: of the layer.

    Returns:
      [B, K, R, H].
    """
    keys, values = cache
    prompt_keys, prompt_values = prompt_cache
    prompts, width = prompt_mask.shape
    rows = query.shape[0]
    by_prompt = query.reshape(prompts, -1, *query.shape[1:])  # [P, G, K, R, H]
    to_prompt = manner.scores("PGKRH,PKQH->PGKRQ", by_prompt, prompt_keys)
    visible = prompt_mask & manner.near(width + index - jnp.arange(width))  # [P, Q]
    to_prompt = jnp.where(visible[:, None, None, None], to_prompt, MASKED).reshape(*query.shape[:3], width)
    distance = index - jnp.arange(keys.shape[2])  # [T]
    allowed = (distance >= 0) & manner.near(distance)
    to_response = jnp.where(allowed, manner.scores("BKRH,BKTH->BKRT", query, keys), MASKED)
    weights = jax.nn.softmax(jnp.concatenate([to_prompt, to_response], axis=-1), axis=-1).astype(query.dtype)
    from_prompt = weights[..., :width].reshape(*by_prompt.shape[:4], width)
    attended = jnp.einsum("PGKRQ,PKQH->PGKRH", from_prompt, prompt_values).reshape(rows, *query.shape[1:])
    return attended + jnp.einsum("BKRT,BKTH->BKRH", weights[..., width:], values)
