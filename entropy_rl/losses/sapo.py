"""SAPO: a smooth bell in place of the clip."""

from __future__ import annotations

import flax.struct
import jax
import jax.numpy as jnp

from entropy_rl.ops import schedules
from entropy_rl.types import Array, TokenStats


@flax.struct.dataclass
class SapoSurrogate:
    """Lets the gradient of a token fade as its ratio leaves 1, on both sides.

        loss_t = -A (4 / tau) sigmoid(tau (r - 1)),   tau = tau_positive where A > 0, else tau_negative

    Source: Gao et al. 2025, Soft Adaptive Policy Optimization, https://arxiv.org/abs/2511.20347
    Slot: surrogate; published with SequenceMean.
    Entropy: falling bad tokens spread their mass over the whole vocabulary, so they are held a little tighter.

    Gradient with respect to log pi_t, times -1, which is A at r = 1:

                 everywhere
        A > 0    4 sigmoid(tau_positive (r - 1)) sigmoid(-tau_positive (r - 1)) r A
        A < 0    4 sigmoid(tau_negative (r - 1)) sigmoid(-tau_negative (r - 1)) r A
    """

    tau_positive: float = 1.0
    tau_negative: float = 1.05

    def __call__(self, stats: TokenStats) -> Array:  # [B, T]
        tau = jnp.where(stats.advantages > 0, self.tau_positive, self.tau_negative)
        return -stats.advantages * (4.0 / tau) * jax.nn.sigmoid(tau * (jnp.exp(stats.log_ratio) - 1.0))

    def clipped(self, stats: TokenStats) -> Array:  # [B, T] bool
        return jnp.zeros_like(stats.mask)

    def validate(self) -> None:
        schedules.check(self, "tau_positive", 0.0, remedy="1 is published", open_low=True)
        schedules.check(self, "tau_negative", 0.0, remedy="1.05 is published", open_low=True)
