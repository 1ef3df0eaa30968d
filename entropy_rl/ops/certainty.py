"""How far each token's distribution is from the uniform one, without ever holding it."""

from __future__ import annotations

import math

import jax.numpy as jnp

from entropy_rl.ops import logprobs as scoring
from entropy_rl.types import Array


def self_certainty(
    hidden: Array, head: Array | scoring.Head, targets: Array, temperature: Array, logprobs: Array
) -> Array:
    """KL(uniform || p_t) of every token.

        -log V - mean_v log p_t,v  =  logsumexp(logits_t) - mean_v logits_t,v - log V

    The mean of the logits is the hidden state's product with the mean row of the head, and the normaliser is the
    sampled token's logit minus its log-probability, so that no second pass over the vocabulary is needed - unless the
    head caps its logits, whose mean is no product.

    Source: Kang et al. 2025, https://arxiv.org/abs/2502.18581

    Args:
      hidden: [B, T, D].
      head: [V, D], or a Head around it.
      targets: [B, T] int32.
      temperature: [B] float32 > 0.
      logprobs: [B, T] float32 nats, of the targets at that temperature.

    Returns:
      [B, T] float32 nats, at least 0 but for rounding.
    """
    weights, softcap = scoring.parts(head)
    if softcap is not None:
        mean_surprise = lambda distribution, _: -distribution.mean(axis=-1)  # noqa: E731
        return scoring.tile_statistic(mean_surprise, hidden, head, targets, temperature) - math.log(weights.shape[0])
    chosen = jnp.einsum("BTD,BTD->BT", hidden, weights[targets], preferred_element_type=jnp.float32)
    mean = jnp.einsum("BTD,D->BT", hidden, weights.astype(jnp.float32).mean(axis=0), preferred_element_type=jnp.float32)
    return (chosen - mean) / temperature[:, None] - logprobs - math.log(weights.shape[0])
