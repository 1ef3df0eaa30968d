"""The variance-optimal baseline under equal gradient norms per token."""

from __future__ import annotations

import flax.struct
import jax.numpy as jnp

from entropy_rl.advantages import groups
from entropy_rl.ops import masked
from entropy_rl.types import Array


@flax.struct.dataclass
class OptimalBaseline:
    """OPO: distance from the group's length-weighted mean reward.

        A_i = r_i - sum_g(n_j r_j) / sum_g(n_j),   n_j = valid tokens of response j

    Source: Hao et al. 2025, On-Policy RL with Optimal Reward Baseline, https://arxiv.org/abs/2505.23585
    Entropy: published with exact on-policy training and no bonus, where it keeps entropy higher than GRPO's.
    """

    def __call__(self, rewards: Array, mask: Array, group_size: int) -> Array:
        rewards_pg, decided_pg = groups.grouped(rewards, group_size)
        lengths_pg = masked.zeroed(masked.count(mask, axis=1).reshape(decided_pg.shape), decided_pg)
        total_p = jnp.maximum(lengths_pg.sum(axis=1, keepdims=True), 1)
        baseline_p = (lengths_pg * rewards_pg).sum(axis=1, keepdims=True) / total_p
        counted_pg = decided_pg & groups.differs(rewards_pg, decided_pg)
        return groups.spread(masked.zeroed(rewards_pg - baseline_p, counted_pg), mask)
