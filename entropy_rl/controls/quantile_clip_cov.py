"""Clip-Cov with a band that finds its own place."""

from __future__ import annotations

from typing import ClassVar

import flax.struct
import jax.numpy as jnp

from entropy_rl.controls.clip_cov import SIDES, on_side
from entropy_rl.ops import schedules, selection
from entropy_rl.types import Array, TokenStats


@flax.struct.dataclass
class QuantileClipCov:
    """Closes random tokens among those of highest covariance, however high that is.

        gate_t = 0   for min(floor(fraction * n_valid), |E|) random tokens of E;   else 1
        E      = the top `band` of the valid tokens by covariance, without the top `spared` and without clipped ones

    Source: ours, after Cui et al. 2025, https://arxiv.org/abs/2505.22617, whose band is absolute.
    Slot: gate. A closed token still counts in the mean. Combines with everything.
    Entropy: as ClipCov.
    When: small batches, small models, or advantages that are not normalised, where a band in nats selects nothing.
    """

    requires: ClassVar[frozenset[str]] = frozenset()

    fraction: float = 5e-3  # of the valid tokens of the mini-batch
    band: float = 0.02
    spared: float = 0.0
    max_fraction: float = flax.struct.field(pytree_node=False, default=0.05)  # static: bounds fraction and band
    side: str = flax.struct.field(pytree_node=False, default="both")

    def __call__(self, stats: TokenStats, key: Array) -> Array:  # [B, T]
        assert stats.covariance is not None and stats.clipped is not None
        top, spared = (
            selection.top_fraction(stats.covariance, stats.mask, share, self.max_fraction)
            for share in (self.band, self.spared)
        )
        eligible = top & ~spared & ~stats.clipped & on_side(stats.advantages, self.side)
        count = selection.fraction_count(self.fraction, stats.mask)
        closed = selection.random_subset(key, eligible, stats.sample_ids, count, self.max_fraction)
        return jnp.where(closed, 0.0, 1.0)

    def validate(self) -> None:
        for field in ("fraction", "band", "spared"):
            schedules.check_fraction(self, field)
        schedules.check_choice(self, "side", SIDES)
