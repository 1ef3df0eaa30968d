"""Reinforcement of right and wrong answers apart from each other, without a baseline."""

from __future__ import annotations

import flax.struct
import jax.numpy as jnp

from entropy_rl.advantages import groups
from entropy_rl.ops import schedules
from entropy_rl.types import Array


@flax.struct.dataclass
class Signed:
    """Right answers weigh `positive`, wrong ones -`negative`, whatever the group did.

        A_i = positive  if r_i > threshold  else  -negative

    `Signed(1, 0)` is PSR, `Signed(0, 1)` NSR, the default W-REINFORCE.

    Source: Zhu et al. 2025, The Surprising Effectiveness of Negative Reinforcement, https://arxiv.org/abs/2506.01347.
    The published PSR and NSR drop the other rows from the batch; here they stay and count in the mean.
    Entropy: NSR moves probability from wrong answers to all others in proportion to what they have, so entropy stays;
    PSR is the fastest way to spend it.
    """

    positive: float = 0.1
    negative: float = 1.0
    threshold: float = 0.5  # unit of the rewards

    def __call__(self, rewards: Array, mask: Array, group_size: int) -> Array:
        rewards_pg, decided_pg = groups.grouped(rewards, group_size)
        advantages_pg = jnp.where(rewards_pg > self.threshold, self.positive, -self.negative)
        return groups.spread(jnp.where(decided_pg, advantages_pg, 0.0), mask)

    def validate(self) -> None:
        schedules.check(self, "positive", 0.0, remedy="it is the weight of right answers")
        schedules.check(self, "negative", 0.0, remedy="it is the weight of wrong answers; the sign is added here")
        schedules.check(self, "threshold")
