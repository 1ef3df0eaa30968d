"""Advantages that favour the tokens where the policy explores or plans."""

from __future__ import annotations

from typing import ClassVar

import flax.struct
import jax.numpy as jnp

from entropy_rl.ops import schedules
from entropy_rl.problem import Role
from entropy_rl.types import Array, TokenStats


@flax.struct.dataclass
class EntropyAdvantage:
    """Adds a little of the entropy of each token to its advantage, never enough to flip the sign.

        A'_t = A_t + min(alpha H_t, |A_t| / kappa),   H detached

    Source: Cheng et al. 2025, Reasoning with Exploration, https://arxiv.org/abs/2506.14758 (kappa 2, alpha .4 with
    GRPO)
    Slot: shaper. Covariances are those of the unshaped advantages.
    Entropy: uncertain tokens are praised more and blamed less; a token without advantage gets nothing.
    """

    requires: ClassVar[frozenset[str]] = frozenset()

    alpha: float = 0.4  # advantage per nat
    kappa: float = 2.0

    def __call__(self, stats: TokenStats) -> Array:  # [B, T]
        return stats.advantages + jnp.minimum(self.alpha * stats.entropies, jnp.abs(stats.advantages) / self.kappa)

    def validate(self) -> None:
        schedules.check(self, "alpha", 0.0, remedy="0.4 is published")
        schedules.check(self, "kappa", 1.0, remedy="below 1 the sign of an advantage could flip; 2 is published")


@flax.struct.dataclass
class PlanningCredit:
    """HICRA: planning tokens get more credit for success and less blame for failure.

        A'_t = A_t + alpha |A_t|   on planning tokens, A_t elsewhere

    Source: Wang et al. 2025, Emergent Hierarchical Reasoning, https://arxiv.org/abs/2509.03646 (alpha .2)
    Slot: shaper. Covariances are those of the unshaped advantages.
    Requires: roles, which the task labels.
    Entropy: keeps the choice of plan open while execution sharpens.
    """

    requires: ClassVar[frozenset[str]] = frozenset({"roles"})

    alpha: float = 0.2

    def __call__(self, stats: TokenStats) -> Array:  # [B, T]
        assert stats.roles is not None
        bonus = jnp.where(stats.roles == Role.PLANNING, self.alpha * jnp.abs(stats.advantages), 0.0)
        return stats.advantages + bonus

    def validate(self) -> None:
        schedules.check(self, "alpha", 0.0, 1.0, "above 1 blame would turn into praise; 0.2 is published")
