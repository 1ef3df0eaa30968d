"""A quantile of the group as the baseline."""

from __future__ import annotations

import flax.struct
import jax.numpy as jnp

from entropy_rl.advantages import groups
from entropy_rl.ops import masked, schedules
from entropy_rl.types import Array


@flax.struct.dataclass
class QuantileBaseline:
    """QAE: distance from the group's K-quantile in standard deviations of the group.

        A_i = (r_i - Q_K) / (std_g(r) + epsilon),   Q_K = the smallest reward that at least K of the group do not exceed

    Source: Wu et al. 2025, Quantile Advantage Estimation, https://arxiv.org/abs/2509.22611; K = 0.4 published.
    Entropy: bounds it on both sides. With 0/1 rewards a hard prompt (success rate <= 1 - K) teaches only by its
    successes, an easy one only by its failures; the others, about 80 % of the responses, score exactly 0. K up raises,
    K down lowers entropy's floor.
    """

    quantile: float = 0.4
    epsilon: float = 1e-6  # unit of the rewards
    normalised = True

    def __call__(self, rewards: Array, mask: Array, group_size: int) -> Array:
        rewards_pg, decided_pg = groups.grouped(rewards, group_size)
        n = masked.count(decided_pg, axis=1, keepdims=True)
        ranked_pg = jnp.sort(jnp.where(decided_pg, rewards_pg, jnp.inf), axis=1)
        # The 1e-6 keeps .4 of 5 at 2, although float32(.4) lies above .4.
        position = jnp.clip(jnp.ceil(self.quantile * n - 1e-6).astype(jnp.int32) - 1, 0, jnp.maximum(n - 1, 0))
        baseline_p = jnp.take_along_axis(ranked_pg, position, axis=1)
        deviation_p = masked.standard_deviation(rewards_pg, decided_pg, 1, keepdims=True)
        counted_pg = decided_pg & groups.differs(rewards_pg, decided_pg)
        advantages_pg = (rewards_pg - jnp.where(jnp.isfinite(baseline_p), baseline_p, 0.0)) / (
            deviation_p + self.epsilon
        )
        return groups.spread(masked.zeroed(advantages_pg, counted_pg), mask)

    def validate(self) -> None:
        schedules.check(self, "quantile", 0.0, 1.0, "it is a share of the group; 0.4 is published", open_low=True)
        schedules.check(self, "epsilon", 0.0, remedy="it keeps the division finite; 1e-6 is usual", open_low=True)
