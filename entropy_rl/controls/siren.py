"""SIREN: the entropy of the plausible tokens, at the positions that matter, is held at an anchor."""

from __future__ import annotations

from typing import ClassVar

import flax.struct
import jax
import jax.numpy as jnp

from entropy_rl.ops import masked, schedules, selection
from entropy_rl.types import Array, TokenStats


@flax.struct.dataclass
class Siren:
    """Holds the mean nucleus entropy of the most uncertain tokens at an anchor.

        penalty = coefficient (mean_E(H') - anchor)^2,   E = the floor(fraction * n_valid) largest H'_t   [nats^2]

    H' is the entropy within the top-p nucleus, renormalised (ops/nucleus.py). As a loss per token the square is

        penalty_t = coefficient w_t (2 H'_t - sg(H'_t) - anchor)
        w_t       = (mean_E(H') - anchor) n_valid / |E|   on E, else 0

    whose token mean has the value and the gradient of the square.

    Source: Jiang et al. 2025, Rethinking Entropy Regularization in Large Reasoning Models, https://arxiv.org/abs/2509.25133
    (coefficient .005, top-p .8, fraction .2, as in the authors' script); there the mean is over responses first.
    Slot: penalty. Combines with everything; use TokenMean.
    Requires: nucleus_entropies.
    Entropy: returns it to the anchor from both sides, without lifting the noise of the tail or the forced tokens.
    When: in place of the plain bonus. The anchor is the same mean at the first step of the run.
    """

    requires: ClassVar[frozenset[str]] = frozenset({"nucleus_entropies"})

    anchor: float  # nats
    coefficient: float = 5e-3
    fraction: float = 0.2  # of the valid tokens of the mini-batch
    max_fraction: float = flax.struct.field(pytree_node=False, default=1.0)  # static: beyond .05 it costs nothing

    def select(self, stats: TokenStats, key: Array) -> Array:  # [B, T]
        del key  # the largest are the largest
        assert stats.nucleus_entropies is not None
        peaks = selection.top_fraction(stats.nucleus_entropies, stats.mask, self.fraction, self.max_fraction)
        error = masked.mean(stats.nucleus_entropies, peaks) - self.anchor
        scale = masked.count(stats.mask) / jnp.maximum(masked.count(peaks), 1)
        return jnp.where(peaks, error * scale, 0.0)

    def __call__(self, stats: TokenStats, selected: Array) -> Array:  # [B, T]
        assert stats.nucleus_entropies is not None
        entropies = stats.nucleus_entropies
        return self.coefficient * selected * (2.0 * entropies - jax.lax.stop_gradient(entropies) - self.anchor)

    def validate(self) -> None:
        schedules.check(self, "anchor", 0.0, remedy="it is an entropy in nats: that of the first step")
        schedules.check(self, "coefficient", 0.0, remedy="a negative one would push entropy away from its anchor")
        schedules.check_fraction(self)
