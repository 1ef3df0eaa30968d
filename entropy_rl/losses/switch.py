"""Two surrogates in one loss: some tokens go to the first, all others to the second."""

from __future__ import annotations

from typing import Any

import flax.struct
import jax.numpy as jnp

from entropy_rl.losses.policy_loss import own_key
from entropy_rl.types import Array, TokenStats


@flax.struct.dataclass
class Switch:
    """Takes the loss of `then` on the tokens that a selector picks, and that of `otherwise` on the rest.

        loss_t = then_t   where selector_t > 0,   else otherwise_t

    Source: ours; Lp-Reg (https://arxiv.org/abs/2510.03222) drops PPO's clip on its tokens that way.
    Slot: surrogate. The gradient table of each token is that of the surrogate it goes to.
    Entropy: that of the two. `Switch(LpReg(), UnclippedSurrogate(), ClippedSurrogate())` lets rare tokens of wrong
    answers, which the penalty of the same LpReg() pulls back up, move without bound.

    Attributes:
      selector: anything with `select(stats, key)`, [B, T], as penalties have. The same value in PolicyLoss.penalties
        picks the same tokens, because its random key is its own type's.
      then, otherwise: surrogates.
    """

    reads_statistics = True

    selector: Any
    then: Any
    otherwise: Any

    @property
    def requires(self) -> frozenset[str]:
        parts = (self.selector, self.then, self.otherwise)
        return frozenset().union(*(getattr(part, "requires", frozenset()) for part in parts))

    @property
    def sequence_level(self) -> bool:
        return any(getattr(part, "sequence_level", False) for part in (self.then, self.otherwise))

    def choose(self, stats: TokenStats, key: Array) -> Array:  # [B, T] bool
        """From the detached statistics of the whole mini-batch."""
        return (self.selector.select(stats, own_key(key, self.selector)) > 0) & stats.mask

    def __call__(self, stats: TokenStats) -> Array:  # [B, T]
        assert stats.branch is not None
        return jnp.where(stats.branch, self.then(stats), self.otherwise(stats))

    def clipped(self, stats: TokenStats) -> Array:  # [B, T] bool
        assert stats.branch is not None
        return jnp.where(stats.branch, self.then.clipped(stats), self.otherwise.clipped(stats))

    def validate(self) -> None:
        for part in (self.selector, self.then, self.otherwise):
            if hasattr(part, "validate"):
                part.validate()
        if not hasattr(self.selector, "select"):
            raise ValueError(
                f"Switch.selector is {self.selector!r}, which has no select(stats, key); use a penalty, such as LpReg()"
            )
