"""Leave-one-out baselines."""

from __future__ import annotations

import flax.struct
import jax.numpy as jnp

from entropy_rl.advantages import groups
from entropy_rl.ops import masked
from entropy_rl.types import Array


@flax.struct.dataclass
class LeaveOneOut:
    """RLOO: distance from the mean of the other responses, an unbiased baseline.

        A_i = r_i - mean_{j != i}(r_j) = n / (n - 1) * (r_i - mean_g(r))

    Source: Ahmadian et al. 2024, https://arxiv.org/abs/2402.14740
    Entropy: as Dr.GRPO, n / (n - 1) times as strong. A response without decided others gives 0.
    """

    def __call__(self, rewards: Array, mask: Array, group_size: int) -> Array:
        rewards_pg, decided_pg = groups.grouped(rewards, group_size)
        n_decided = masked.count(decided_pg, axis=1, keepdims=True)
        scale = jnp.where(n_decided > 1, n_decided / jnp.maximum(n_decided - 1, 1), 0.0)
        return groups.spread(scale * groups.centred(rewards_pg, decided_pg), mask)
