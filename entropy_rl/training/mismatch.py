"""How far the sampler's log-probs are from those of the update, for the same tokens and the same parameters.

Two programs compute them, at other shapes and perhaps in other number formats. What differs is neither exploration nor
staleness: importance corrections exist because of it, and a large one is a mistake.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from entropy_rl.ops import masked
from entropy_rl.types import Array, Experience, TokenStats


def on_policy(experience: Experience, step: Array) -> Array:
    """[B, 1] or [B, T] bool: tokens that the parameters of optimiser step `step` sampled."""
    sampled = (experience.policy_version == step)[:, None]
    return sampled if experience.off_policy is None else sampled & ~experience.off_policy


def mismatch_metrics(stats: TokenStats, experience: Experience, step: Array) -> dict[str, Array]:
    """Scalars over the tokens that the present parameters sampled: those of the first mini-batch of a rollout.

        delta = log pi(update) - log pi(sampler),   w = exp(delta),   ESS = (sum w)^2 / (n sum w^2)

    Args:
      stats: of the update, before its step.
      experience: whose `rollout_logprobs` are the sampler's, or else its `old_logprobs`.
      step: of the present parameters.
    """
    stored = experience.old_logprobs if experience.rollout_logprobs is None else experience.rollout_logprobs
    mask = stats.mask & on_policy(experience, step)
    delta = jax.lax.stop_gradient(masked.zeroed(stats.logprobs - stored, mask))  # [B, T]
    weights = jnp.exp(delta - jnp.max(delta))
    size = masked.sum(weights, mask) ** 2 / jnp.maximum(masked.sum(weights**2, mask), 1e-30)
    return {
        "mismatch/logprob_abs_mean": masked.mean(jnp.abs(delta), mask),
        "mismatch/logprob_abs_max": jnp.max(jnp.abs(delta), initial=0.0),
        "mismatch/effective_sample_size": jnp.where(mask.any(), size / jnp.maximum(masked.count(mask), 1), 1.0),
    }
