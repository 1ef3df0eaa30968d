"""Advantages whitened over all tokens of the batch."""

from __future__ import annotations

import flax.struct
import jax.numpy as jnp

from entropy_rl.advantages import groups
from entropy_rl.ops import masked, schedules
from entropy_rl.types import Array


@flax.struct.dataclass
class ReinforcePlusPlus:
    """Whitens the return of each token over the whole batch; the return (terminal reward, no discount) is the reward.

        A_t = (r - mean_tokens(r)) / sqrt(var_tokens(r) + epsilon),   var over n - 1

    With `baseline` the group's mean reward is subtracted first (REINFORCE++-baseline).

    Source: Hu 2025, https://arxiv.org/abs/2501.03262
    Entropy: as GRPO on easy batches; without the baseline every answer to a hard prompt is pushed down, which raises
    it. Statistics are token-weighted: long responses dominate them, as published. Holes in the mask (tool output)
    neither count nor stop the return.
    """

    epsilon: float = 1e-8  # square of the rewards' unit
    baseline: bool = flax.struct.field(pytree_node=False, default=False)
    normalised = True

    def __call__(self, rewards: Array, mask: Array, group_size: int) -> Array:
        rewards_pg, decided_pg = groups.grouped(rewards, group_size)
        returns_pg = groups.centred(rewards_pg, decided_pg) if self.baseline else rewards_pg
        counted = mask & decided_pg.reshape(-1, 1)  # [B, T]
        returns = groups.spread(returns_pg, counted)
        variance = masked.standard_deviation(returns, counted) ** 2
        whitened = (returns - masked.mean(returns, counted)) / jnp.sqrt(variance + self.epsilon)
        return masked.zeroed(whitened, counted)

    def validate(self) -> None:
        schedules.check(self, "epsilon", 0.0, remedy="it keeps the division finite; 1e-8 is usual", open_low=True)
