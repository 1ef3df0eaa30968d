"""The policy without its noise: Lp-Reg's proxy."""

from __future__ import annotations

import jax.numpy as jnp

from entropy_rl.types import Array

DROPPED = -1e4  # nats: below any log-prob, so that a dropped token is never pulled towards the proxy, and finite


def min_p_logprobs(logprobs: Array, targets: Array, kappa: float | Array = 0.02) -> Array:
    """Log-probabilities of tokens under a policy without those below kappa times the likeliest, renormalised.

        log proxy_t = log pi_t - log sum_{v: pi_v >= kappa max pi} pi_v   if the token is kept, else DROPPED

    Source: Huang et al. 2025, https://arxiv.org/abs/2510.03222 (kappa .02)

    Args:
      logprobs: [..., V] float32, normalised: a tile of the rollout policy's log-softmax at the sampling temperature.
      targets: [...] int32.
      kappa: in [0, 1]; 0 keeps every token.

    Returns:
      [...] float32, nats.
    """
    largest = jnp.max(logprobs, axis=-1, keepdims=True)
    kept = logprobs >= largest + jnp.log(jnp.asarray(kappa, jnp.float32))  # log 0 = -inf keeps all
    mass = jnp.sum(jnp.where(kept, jnp.exp(logprobs), 0.0), axis=-1)
    chosen = targets[..., None]
    target_kept = jnp.take_along_axis(kept, chosen, axis=-1)[..., 0]
    target_logprob = jnp.take_along_axis(logprobs, chosen, axis=-1)[..., 0]
    return jnp.where(target_kept, target_logprob - jnp.log(mass), DROPPED)
