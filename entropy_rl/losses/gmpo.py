"""GMPO: the geometric mean of ratios that were clipped token by token."""

from __future__ import annotations

import flax.struct
import jax
import jax.numpy as jnp

from entropy_rl.ops import masked, schedules
from entropy_rl.types import Array, TokenStats


@flax.struct.dataclass
class GmpoSurrogate:
    """Weighs a response by the geometric mean of its clipped ratios.

        d'_t   = log ratio_t, held at +-epsilon on the side that the advantage pushes to
        loss_t = -A exp(mean_t(d'_t))   on every token of response i

    Source: Zhao et al. 2025, Geometric-Mean Policy Optimization, https://arxiv.org/abs/2507.20673; ratios in exp(-.4,
    .4).
    Slot: surrogate, with SequenceMean; the advantage is that of the response.
    Entropy: one outlier ratio moves a geometric mean little, so bounds can be wide and rare tokens may rise.

    Gradient with respect to log pi_t of the sum over the n_i tokens, times -1, with g the geometric mean and d the log
    ratio:

                 d < -epsilon_low   inside   d > epsilon_high
        A > 0    g A                g A      0
        A < 0    0                  g A      g A
    """

    sequence_level = True

    epsilon_low: float = 0.4  # nats
    epsilon_high: float = 0.4

    def __call__(self, stats: TokenStats) -> Array:  # [B, T]
        held = jax.lax.stop_gradient(jnp.clip(stats.log_ratio, -self.epsilon_low, self.epsilon_high))
        held = jnp.where(self.clipped(stats), held, stats.log_ratio)
        return -stats.advantages * jnp.exp(masked.mean(held, stats.mask, axis=1, keepdims=True))

    def clipped(self, stats: TokenStats) -> Array:  # [B, T] bool
        too_high = (stats.advantages > 0) & (stats.log_ratio > self.epsilon_high)
        return too_high | ((stats.advantages < 0) & (stats.log_ratio < -self.epsilon_low))

    def validate(self) -> None:
        schedules.check(self, "epsilon_low", 0.0, remedy="it is a log ratio in nats; 0.4 is published")
        schedules.check(self, "epsilon_high", 0.0, remedy="it is a log ratio in nats; 0.4 is published")
