"""Advantages against the other responses to the same prompt: GRPO, Dr.GRPO and the batch-scaled form."""

from __future__ import annotations

import flax.struct

from entropy_rl.advantages import groups
from entropy_rl.ops import masked, schedules
from entropy_rl.types import Array


@flax.struct.dataclass
class GroupNormalized:
    """GRPO: distance from the group's mean in standard deviations of the group.

        A_i = (r_i - mean_g(r)) / (std_g(r) + epsilon),   std over n - ddof

    Source: Shao et al. 2024, DeepSeekMath, section 4.1.2, https://arxiv.org/abs/2402.03300
    Entropy: a lone success in G responses scores (G - 1) / sqrt(G): rare successes are amplified, which spends entropy
    on hard prompts; covariance bands are meant for this scale.
    A group of equal rewards, or with fewer than two decided ones, gives exactly 0.
    """

    epsilon: float = 1e-6  # unit of the rewards
    ddof: int = flax.struct.field(pytree_node=False, default=1)  # 1 as in public code; 0 divides by n
    normalised = True  # on the scale that covariance bands are meant for

    def __call__(self, rewards: Array, mask: Array, group_size: int) -> Array:
        rewards_pg, decided_pg = groups.grouped(rewards, group_size)
        deviation_p = masked.standard_deviation(rewards_pg, decided_pg, 1, keepdims=True, ddof=self.ddof)
        return groups.spread(groups.centred(rewards_pg, decided_pg) / (deviation_p + self.epsilon), mask)

    def validate(self) -> None:
        schedules.check(self, "epsilon", 0.0, remedy="it keeps the division finite; 1e-6 is usual", open_low=True)
        schedules.check_choice(self, "ddof", (0, 1))


@flax.struct.dataclass
class GroupCentred:
    """Dr.GRPO: distance from the group's mean, in the unit of the reward.

        A_i = r_i - mean_g(r)

    Source: Liu et al. 2025, https://arxiv.org/abs/2503.20783; published with aggregate=ConstantNormaliser(longest
    response).
    Entropy: advantages, and with them covariances, are at most 1 for rewards in [0, 1]; bands such as Clip-Cov's (1, 5)
    then select nothing.
    """

    def __call__(self, rewards: Array, mask: Array, group_size: int) -> Array:
        return groups.spread(groups.centred(*groups.grouped(rewards, group_size)), mask)


@flax.struct.dataclass
class BatchNormalized:
    """Distance from the group's mean in standard deviations of all rewards of the batch.

        A_i = (r_i - mean_g(r)) / (std_batch(r) + epsilon),   std over n - 1

    Source: Liu et al. 2025, Part I: Tricks or Traps, https://arxiv.org/abs/2508.08221
    Entropy: like Dr.GRPO up to one factor per batch, so hard prompts are not amplified.
    """

    epsilon: float = 1e-4  # unit of the rewards
    normalised = True

    def __call__(self, rewards: Array, mask: Array, group_size: int) -> Array:
        rewards_pg, decided_pg = groups.grouped(rewards, group_size)
        deviation = masked.standard_deviation(rewards_pg, decided_pg)
        return groups.spread(groups.centred(rewards_pg, decided_pg) / (deviation + self.epsilon), mask)

    def validate(self) -> None:
        schedules.check(self, "epsilon", 0.0, remedy="it keeps the division finite; 1e-4 is usual", open_low=True)
