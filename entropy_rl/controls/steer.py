"""STEER: tokens weigh the less, the more they would change the entropy."""

from __future__ import annotations

from typing import ClassVar

import flax.struct
import jax.numpy as jnp

from entropy_rl.ops import schedules
from entropy_rl.types import Array, TokenStats


@flax.struct.dataclass
class Steer:
    """Weighs each token by its estimated change of entropy, of either sign.

        change_t = |A_t r_t (1 - pi_t) (log pi_t + H_t)|
        gate_t   = high - (high - low) (change_t - min) / (max - min)    mapping "linear"
        gate_t   = low ^ (change_t / max(max, .02))                      mapping "exponential"

    with min and max over the valid tokens of the mini-batch.

    Source: Hao et al. 2025, Rethinking Entropy Interventions in RLVR, https://arxiv.org/abs/2510.10150; weights as in
    the authors' code, which takes min and max per micro-batch.
    Slot: gate. Combines with everything.
    Entropy: holds it against both collapse and explosion, since large changes of either sign weigh least; the
    largest change of a mini-batch sets the scale, so one outlier makes all others weigh alike.
    """

    requires: ClassVar[frozenset[str]] = frozenset()

    low: float = 0.8
    high: float = 1.2  # unused by "exponential", which ends at 1
    mapping: str = flax.struct.field(pytree_node=False, default="linear")

    def __call__(self, stats: TokenStats, key: Array) -> Array:  # [B, T]
        del key
        surprise = -jnp.expm1(stats.logprobs) * (stats.logprobs + stats.entropies)
        change = jnp.abs(stats.advantages * jnp.exp(stats.log_ratio) * surprise)
        largest = jnp.max(jnp.where(stats.mask, change, 0.0))
        if self.mapping == "exponential":
            return jnp.exp(jnp.log(self.low) * change / jnp.maximum(largest, 0.02))
        smallest = jnp.min(jnp.where(stats.mask, change, jnp.inf))
        spread = largest - smallest
        position = jnp.where(spread > 0, (change - smallest) / jnp.where(spread > 0, spread, 1.0), 0.5)
        return jnp.where(stats.mask, self.high - (self.high - self.low) * position, 1.0)

    def validate(self) -> None:
        schedules.check(self, "low", 0.0, 1.0, "0.8 is published; 1 is no weighing", open_low=True)
        schedules.check(self, "high", 1.0, remedy="1.2 is published; 1 with low = 1 is no weighing")
        schedules.check_choice(self, "mapping", ("linear", "exponential"))
