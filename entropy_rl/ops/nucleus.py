"""The entropy inside the nucleus: of the likeliest tokens that together hold a given probability."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from entropy_rl.types import Array

TOP_P = 0.8  # of the nucleus that the update measures, where a method requires it


def nucleus_mask(logprobs: Array, top_p: float | Array) -> Array:
    """Marks the smallest set of likeliest tokens whose probability is at least `top_p`; tied tokens stay together.

    The threshold is built bit by bit (see ops/selection.py): 31 passes over a tile and no sort of the vocabulary.

    Args:
      logprobs: [..., V] float32, normalised.
      top_p: in (0, 1]; 1 keeps every token.

    Returns:
      [..., V] bool.
    """
    probabilities = jnp.exp(jax.lax.stop_gradient(logprobs)).astype(jnp.float32)
    image = jax.lax.bitcast_convert_type(probabilities, jnp.uint32)  # floats >= 0 are ordered like their bits

    def refine(index: Array, threshold: Array) -> Array:
        candidate = threshold | (jnp.uint32(0x40000000) >> index.astype(jnp.uint32))
        held = jnp.sum(jnp.where(image >= candidate, probabilities, 0.0), axis=-1, keepdims=True)
        return jnp.where(held >= top_p, candidate, threshold)

    threshold = jax.lax.fori_loop(0, 31, refine, jnp.zeros((*image.shape[:-1], 1), jnp.uint32))
    return (image >= threshold) | (jnp.asarray(top_p) >= 1.0)


def nucleus_entropy(logprobs: Array, top_p: float | Array) -> Array:
    """Entropy of the distribution restricted to its nucleus and renormalised; differentiable in `logprobs`.

        H' = log m - sum_v p_v log p_v / m,   both over the nucleus, m = its probability
        d H' / d logits_v = -q_v (log q_v + H')   within it, q = p / m,   and 0 outside

    Args:
      logprobs: [..., V] float32, normalised: a tile of the update's log-softmax at the sampling temperature.
      top_p: see `nucleus_mask`; which tokens belong carries no gradient.

    Returns:
      [...] float32, nats.
    """
    inside = nucleus_mask(logprobs, top_p)
    kept = jnp.where(inside, logprobs, 0.0)
    probabilities = jnp.where(inside, jnp.exp(kept), 0.0)
    held = jnp.sum(probabilities, axis=-1)
    return jnp.log(held) - jnp.sum(probabilities * kept, axis=-1) / held
