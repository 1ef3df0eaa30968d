"""The control of the control: the same number of tokens sits out, chosen without looking at their covariance."""

from __future__ import annotations

from typing import Any, ClassVar

import flax.struct
import jax.numpy as jnp

from entropy_rl.controls.clip_cov import SIDES, closed_count, on_side
from entropy_rl.ops import schedules, selection
from entropy_rl.types import Array, TokenStats


@flax.struct.dataclass
class RandomControl:
    """Closes tokens chosen uniformly among those with an advantage of one sign.

        gate_t = 0   for k random valid tokens with A_t > 0;   else 1
        k      = number that `matched` closes in this mini-batch, or floor(fraction * n_valid) without `matched`

    Source: the placebo for Clip-Cov (Cui et al. 2025, https://arxiv.org/abs/2505.22617), ours.
    Slot: gate. A closed token still counts in the mean. Combines with everything.
    Entropy: dropping random positive tokens also slows sharpening a little, in proportion to their number.
    When: to show that an effect comes from the covariance and not from a smaller update. Name the gate it stands in
    for: `RandomControl(matched=ClipCov())` closes as many tokens as that gate would have.

    Attributes:
      side: "positive" (random-positive), "negative" or "both" (random-any).
    """

    requires: ClassVar[frozenset[str]] = frozenset()

    fraction: float = 2e-4  # of the valid tokens of the mini-batch; unused with `matched`
    matched: Any = None  # a gate, or None
    max_fraction: float = flax.struct.field(pytree_node=False, default=0.01)  # static: bounds the selection
    side: str = flax.struct.field(pytree_node=False, default="positive")

    def __call__(self, stats: TokenStats, key: Array) -> Array:  # [B, T]
        if self.matched is None:
            count = selection.fraction_count(self.fraction, stats.mask)
        else:
            count = closed_count(self.matched(stats, key), stats.mask)
        eligible = stats.mask & on_side(stats.advantages, self.side)
        closed = selection.random_subset(key, eligible, stats.sample_ids, count, self.max_fraction)
        return jnp.where(closed, 0.0, 1.0)

    def validate(self) -> None:
        schedules.check_fraction(self)
        schedules.check_choice(self, "side", SIDES)
        if self.matched is None:
            return
        self.matched.validate()
        if getattr(self.matched, "max_fraction", 1.0) > self.max_fraction:
            raise ValueError(
                f"RandomControl.max_fraction {self.max_fraction:g} is below that of the gate it matches "
                f"({getattr(self.matched, 'max_fraction', 1.0):g}); raise it to the same number"
            )
