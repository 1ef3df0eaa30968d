"""Advantages whose expected gradient approaches that of log success."""

from __future__ import annotations

import flax.struct
import jax.numpy as jnp

from entropy_rl.advantages import groups
from entropy_rl.ops import masked
from entropy_rl.types import Array


@flax.struct.dataclass
class MaximumLikelihood:
    """MaxRL: distance from the group's mean in units of that mean.

        A_i = (r_i - mean_g(r)) / mean_g(r),   0 where the mean is not positive

    Source: https://arxiv.org/abs/2602.02710
    Entropy: a lone success in G scores G - 1, so the rarest successes weigh most, more than with GRPO; rewards must be
    >= 0.
    """

    def __call__(self, rewards: Array, mask: Array, group_size: int) -> Array:
        rewards_pg, decided_pg = groups.grouped(rewards, group_size)
        mean_p = masked.mean(rewards_pg, decided_pg, axis=1, keepdims=True)
        positive = mean_p > 0
        relative_pg = groups.centred(rewards_pg, decided_pg) / jnp.where(positive, mean_p, 1.0)
        return groups.spread(jnp.where(positive, relative_pg, 0.0), mask)
