"""Learning from an answer that the policy gave only with help."""

from __future__ import annotations

from typing import Any, ClassVar

import flax.struct
import jax.numpy as jnp

from entropy_rl.losses.unclipped import UnclippedSurrogate
from entropy_rl.ops import schedules
from entropy_rl.types import Array, TokenStats


@flax.struct.dataclass
class RefinementShaping:
    """Critique-GRPO: tokens of a refinement are weighted by how likely they are without the help, all others as ever.

        loss_t = -A_t f(p_t),   f(p) = p / (p + gamma),   p = exp(log pi_t)      where off_policy_t
        loss_t = base_t                                                          elsewhere

    Source: Zhang et al. 2025, https://arxiv.org/abs/2506.03106; gamma 0.1 and no clip on either part, as in the
    authors' code. A refinement was sampled under another prompt, so there is no ratio: f stands in for one, and needs
    no old policy. Slot: surrogate. Published with GroupCentred advantages and ConstantNormaliser.
    Requires: off_policy, which `Config.refinement` makes.
    Entropy: raised where the group was all wrong: f' p = gamma p / (p + gamma)^2 is largest at p = gamma, so that rare
    but possible tokens of a right answer gain most, and tokens that are already likely hardly move.

    Gradient with respect to log pi_t off policy: -A gamma p / (p + gamma)^2, whatever the ratio; it is never clipped.
    """

    base: Any = UnclippedSurrogate()
    gamma: float = 0.1  # a probability

    requires: ClassVar[frozenset[str]] = frozenset({"off_policy"})

    @property
    def sequence_level(self) -> bool:
        return getattr(self.base, "sequence_level", False)

    def __call__(self, stats: TokenStats) -> Array:  # [B, T]
        assert stats.off_policy is not None
        probabilities = jnp.exp(stats.logprobs)
        shaped = -stats.advantages * probabilities / (probabilities + self.gamma)
        return jnp.where(stats.off_policy, shaped, self.base(stats))

    def clipped(self, stats: TokenStats) -> Array:  # [B, T] bool
        assert stats.off_policy is not None
        return self.base.clipped(stats) & ~stats.off_policy

    def validate(self) -> None:
        schedules.check(self, "gamma", 0.0, remedy="0.1 is published; 0 would stop every gradient", open_low=True)
        if hasattr(self.base, "validate"):
            self.base.validate()
