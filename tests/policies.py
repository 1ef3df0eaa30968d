"""A tiny policy and batches that tests of models, rollouts and training share: compiled once per shape."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np

from entropy_rl.models.decoder import Decoder
from entropy_rl.types import Experience, Params

TINY = Decoder(
    vocab_size=24, layers=2, width=16, heads=4, kv_heads=2, head_width=8, feed_forward=32, attention_bias=True
)


@functools.cache
def tiny_params(seed: int = 0) -> Params:
    """Random weights, biases too, sharp enough that tokens differ in probability."""
    rng = np.random.default_rng(seed)
    params = jax.jit(TINY.init)(jax.random.key(seed))
    return jax.tree.map(lambda leaf: leaf + jnp.asarray(rng.normal(0.0, 0.3, leaf.shape), jnp.float32), params)


def prompts_of(lengths: list[int], width: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Random left-padded prompts and their mask."""
    mask = np.arange(width) >= width - np.asarray(lengths)[:, None]
    tokens = np.random.default_rng(seed).integers(2, TINY.vocab_size, mask.shape)
    return np.where(mask, tokens, 0).astype(np.int32), mask


def example_experience(prompts: int = 8, group: int = 2, width: int = 5, length: int = 7, seed: int = 0) -> Experience:
    """Ragged groups with off-policy old log-probs, a hole in a mask, and an empty response."""
    rng = np.random.default_rng(seed)
    batch = prompts * group
    tokens, mask = prompts_of(list(rng.integers(1, width + 1, prompts)), width, seed)
    lengths = rng.integers(1, length + 1, batch)
    lengths[3] = 0
    response_mask = np.arange(length) < lengths[:, None]
    response_mask[1, 1] = False
    shape = (batch, length)
    return Experience(
        prompts=jnp.asarray(tokens),
        prompt_mask=jnp.asarray(mask),
        responses=jnp.asarray(rng.integers(2, TINY.vocab_size, shape), jnp.int32),
        response_mask=jnp.asarray(response_mask),
        advantages=jnp.asarray(np.repeat(rng.normal(size=(batch, 1)), length, 1), jnp.float32),
        old_logprobs=jnp.asarray(-rng.gamma(2.0, 1.5, shape), jnp.float32),
        temperature=jnp.asarray(rng.uniform(0.8, 1.2, batch), jnp.float32),
        sample_ids=jnp.arange(batch, dtype=jnp.uint32),
        policy_version=jnp.full(batch, -1, jnp.int32),
        old_entropies=jnp.asarray(rng.gamma(2.0, 0.5, shape), jnp.float32),
        rollout_logprobs=jnp.asarray(-rng.gamma(2.0, 1.5, shape), jnp.float32),
        reference_logprobs=jnp.asarray(-rng.gamma(2.0, 1.5, shape), jnp.float32),
        correct=jnp.asarray(rng.random(batch) < 0.5),
    )
