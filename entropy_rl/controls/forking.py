"""Learning from the tokens where the policy decides."""

from __future__ import annotations

from typing import ClassVar

import flax.struct
import jax.numpy as jnp

from entropy_rl.ops import masked, schedules, selection
from entropy_rl.types import Array, TokenStats


@flax.struct.dataclass
class ForkingTokens:
    """Keeps the policy loss on the tokens of highest entropy alone.

        gate_t = 1 (times n_valid / n_kept if the denominator is "kept")   for the floor(fraction * n_valid) largest H_t
               = 0                                                         elsewhere

    Source: Wang et al. 2025, Beyond the 80/20 Rule, https://arxiv.org/abs/2506.01939 (fraction .2). The authors divide
    by the kept tokens; another public version divides by all, a gradient five times smaller. Both select per
    micro-batch.
    Slot: gate. Combines with everything; "kept" needs TokenMean. Penalties still see every token.
    Entropy: the certain tokens, which carry most of the sharpening, are left alone, so it falls more slowly.
    When: long reasoning with many forced tokens. `side="bottom"` is the control: the lowest entropies.
    """

    requires: ClassVar[frozenset[str]] = frozenset()

    fraction: float = 0.2  # of the valid tokens of the mini-batch; 1 keeps all
    max_fraction: float = flax.struct.field(pytree_node=False, default=1.0)  # static: beyond .05 it costs nothing
    denominator: str = flax.struct.field(pytree_node=False, default="kept")
    side: str = flax.struct.field(pytree_node=False, default="top")

    def __call__(self, stats: TokenStats, key: Array) -> Array:  # [B, T]
        del key  # the largest are the largest
        scores = stats.entropies if self.side == "top" else -stats.entropies
        kept = selection.top_fraction(scores, stats.mask, self.fraction, self.max_fraction)
        scale = 1.0
        if self.denominator == "kept":
            scale = masked.count(stats.mask) / jnp.maximum(masked.count(kept), 1)
        return jnp.where(kept, scale, 0.0)

    def validate(self) -> None:
        schedules.check_fraction(self)
        schedules.check_choice(self, "denominator", ("kept", "all"))
        schedules.check_choice(self, "side", ("top", "bottom"))
