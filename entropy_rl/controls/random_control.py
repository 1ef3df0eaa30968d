"""The control of the control: as much of the update sits out, chosen without looking at the covariance."""

from __future__ import annotations

from typing import Any, ClassVar

import flax.struct
import jax
import jax.numpy as jnp

from entropy_rl.controls.clip_cov import SIDES, closed_count, on_side
from entropy_rl.ops import masked, schedules, selection
from entropy_rl.types import Array, TokenStats


@flax.struct.dataclass
class RandomControl:
    """Closes tokens chosen uniformly among those with an advantage of one sign.

        gate_t = 0   for k random valid tokens with A_t > 0;   else 1
        k      = floor(fraction * n_valid);   with `matched`, the number that it closes in this mini-batch, or, with
                 match "gradient_norm", as many as remove the squared gradient sum_t g_t^2 that it removes

    g_t = |A_t| r_t (1 - pi_t), 0 where the surrogate clips, is within a factor of sqrt(2) the norm of the token's
    gradient in its logits; the sum adds squares as if the tokens' gradients were orthogonal.

    Source: the placebo for Clip-Cov (Cui et al. 2025, https://arxiv.org/abs/2505.22617), ours.
    Slot: gate. A closed token still counts in the mean. Combines with everything.
    Entropy: dropping random positive tokens also slows sharpening a little, in proportion to their number.
    When: to show that an effect comes from the covariance and not from a smaller update. Name the gate it stands in
    for: `RandomControl(matched=ClipCov())` closes as many tokens as that gate would have. Clip-Cov takes rare tokens,
    whose gradients are large, so that equal numbers are unequal updates: compare by "gradient_norm" too.

    Attributes:
      side: "positive" (random-positive), "negative" or "both" (random-any).
    """

    requires: ClassVar[frozenset[str]] = frozenset()

    fraction: float = 2e-4  # of the valid tokens of the mini-batch; unused with `matched`
    matched: Any = None  # a gate, or None
    max_fraction: float = flax.struct.field(pytree_node=False, default=0.01)  # static: bounds the number closed
    side: str = flax.struct.field(pytree_node=False, default="positive")
    match: str = flax.struct.field(pytree_node=False, default="count")

    def __call__(self, stats: TokenStats, key: Array) -> Array:  # [B, T]
        eligible = stats.mask & on_side(stats.advantages, self.side)
        if self.matched is None:
            count = selection.fraction_count(self.fraction, stats.mask)
        else:
            gate = self.matched(stats, jax.random.fold_in(key, 1))  # its lots must not be the control's
            if self.match == "gradient_norm":
                squares = gradient_size(stats) ** 2
                removed = masked.sum(squares, stats.mask & (gate == 0))
                closed = selection.random_until(key, eligible, stats.sample_ids, squares, removed)
                return jnp.where(closed, 0.0, 1.0)
            count = closed_count(gate, stats.mask)
        closed = selection.random_subset(key, eligible, stats.sample_ids, count, self.max_fraction)
        return jnp.where(closed, 0.0, 1.0)

    def validate(self) -> None:
        schedules.check_fraction(self)
        schedules.check_choice(self, "side", SIDES)
        schedules.check_choice(self, "match", ("count", "gradient_norm"))
        if self.matched is None:
            if self.match != "count":
                raise ValueError(f"RandomControl.match is {self.match!r}, but `matched` names no gate; name one")
            return
        self.matched.validate()
        if self.match == "count" and getattr(self.matched, "max_fraction", 1.0) > self.max_fraction:
            raise ValueError(
                f"RandomControl.max_fraction {self.max_fraction:g} is below that of the gate it matches "
                f"({getattr(self.matched, 'max_fraction', 1.0):g}); raise it to the same number"
            )


def gradient_size(stats: TokenStats) -> Array:
    """[B, T] |A| r (1 - pi): how much a token's gradient weighs in its logits, 0 where the surrogate stops it."""
    assert stats.clipped is not None
    size = jnp.abs(stats.advantages) * jnp.exp(stats.log_ratio) * -jnp.expm1(stats.logprobs)
    return jnp.where(stats.clipped, 0.0, size)
