"""The plain importance-weighted policy gradient."""

from __future__ import annotations

import flax.struct
import jax.numpy as jnp

from entropy_rl.types import Array, TokenStats


@flax.struct.dataclass
class UnclippedSurrogate:
    """Weighs each token by how much likelier it has become, and never stops its gradient.

        loss_t = -A r,   r = exp(log ratio)

    Source: the surrogate that KL-Cov is published with, Cui et al. 2025, https://arxiv.org/abs/2505.22617
    Slot: surrogate.
    Entropy: no bound holds a bad token's fall or a good one's rise; use it with a penalty, or on-policy.

    Gradient with respect to log pi_t, times -1:

                 everywhere
        A > 0    r A
        A < 0    r A
    """

    def __call__(self, stats: TokenStats) -> Array:  # [B, T]
        return -stats.advantages * jnp.exp(stats.log_ratio)

    def clipped(self, stats: TokenStats) -> Array:  # [B, T] bool
        return jnp.zeros_like(stats.mask)
