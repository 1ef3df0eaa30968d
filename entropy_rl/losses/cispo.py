"""CISPO: the importance weight is clipped, never the token."""

from __future__ import annotations

import flax.struct
import jax
import jax.numpy as jnp

from entropy_rl.ops import schedules
from entropy_rl.types import Array, TokenStats


@flax.struct.dataclass
class CispoSurrogate:
    """REINFORCE with a truncated importance weight.

        loss_t = -sg(clip(r, 1 - epsilon_low, 1 + epsilon_high)) A log pi_t

    Source: MiniMax 2025, https://arxiv.org/abs/2506.13585. The lower bound is off (1). Public code differs in the
    upper: here the cap is 1 + epsilon_high, so the default caps at 5.
    Slot: surrogate. Its value follows log pi, not the objective: do not read a curve of it.
    Entropy: rare tokens, whose ratios move most, keep their gradient, where PPO drops them.

    Gradient with respect to log pi_t, times -1:

                 everywhere
        A > 0    clip(r, 1 - epsilon_low, 1 + epsilon_high) A
        A < 0    clip(r, 1 - epsilon_low, 1 + epsilon_high) A
    """

    epsilon_low: float = 1.0
    epsilon_high: float = 4.0

    def __call__(self, stats: TokenStats) -> Array:  # [B, T]
        weight = jnp.clip(jnp.exp(stats.log_ratio), 1.0 - self.epsilon_low, 1.0 + self.epsilon_high)
        return -jax.lax.stop_gradient(weight) * stats.advantages * stats.logprobs

    def clipped(self, stats: TokenStats) -> Array:  # [B, T] bool
        return jnp.zeros_like(stats.mask)

    def validate(self) -> None:
        schedules.check(self, "epsilon_low", 0.0, 1.0, "1 switches the lower bound off, as published")
        schedules.check(self, "epsilon_high", 0.0, remedy="the cap of the weight is 1 + epsilon_high; 4 is usual")
