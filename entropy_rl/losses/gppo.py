"""GPPO and CE-GPPO: clipped tokens keep a bounded gradient."""

from __future__ import annotations

import flax.struct
import jax
import jax.numpy as jnp

from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.ops import schedules
from entropy_rl.types import Array, TokenStats


@flax.struct.dataclass
class CeGppoSurrogate:
    """PPO's clip whose two stopped quadrants keep the gradient of their bound, scaled.

        loss_t = -A r                                          inside PPO's bounds
               = -beta_high (1 + epsilon_high) (r / sg(r)) A   where A > 0 and r > 1 + epsilon_high
               = -beta_low (1 - epsilon_low) (r / sg(r)) A     where A < 0 and r < 1 - epsilon_low

    `CeGppoSurrogate(beta_low=1, beta_high=1)` is GPPO, whose value is PPO's.

    Source: Su et al. 2025, CE-GPPO, https://arxiv.org/abs/2509.20712 (beta_low .75 for 7B, .5 for 1.5B, beta_high 1);
    GPPO: Su et al. 2025, Klear-Reasoner, https://arxiv.org/abs/2508.07629
    Slot: surrogate.
    Entropy: beta_high keeps rare good tokens rising and raises it; beta_low keeps rare bad tokens falling and lowers
    it.

    Gradient with respect to log pi_t, times -1:

                 r < 1 - epsilon_low            inside   r > 1 + epsilon_high
        A > 0    r A                            r A      beta_high (1 + epsilon_high) A
        A < 0    beta_low (1 - epsilon_low) A   r A      r A
    """

    epsilon_low: float = 0.2
    epsilon_high: float = 0.2
    beta_low: float = 0.75
    beta_high: float = 1.0

    def __call__(self, stats: TokenStats) -> Array:  # [B, T]
        ratio = jnp.exp(stats.log_ratio)
        one = jnp.exp(stats.log_ratio - jax.lax.stop_gradient(stats.log_ratio))  # 1 with the gradient of log pi
        high, low = self.beta_high * (1.0 + self.epsilon_high), self.beta_low * (1.0 - self.epsilon_low)
        bounded = jnp.where(stats.advantages > 0, high, low) * one
        stopped = ClippedSurrogate(self.epsilon_low, self.epsilon_high).clipped(stats)
        return -stats.advantages * jnp.where(stopped, bounded, ratio)

    def clipped(self, stats: TokenStats) -> Array:  # [B, T] bool
        return jnp.zeros_like(stats.mask)

    def validate(self) -> None:
        ClippedSurrogate(self.epsilon_low, self.epsilon_high).validate()
        schedules.check(self, "beta_low", 0.0, remedy="0 is PPO's clip, 1 is GPPO")
        schedules.check(self, "beta_high", 0.0, remedy="0 is PPO's clip, 1 is GPPO")
