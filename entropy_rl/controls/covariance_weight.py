"""Covariance-weighted GRPO: the extremes of the covariance fade out."""

from __future__ import annotations

from typing import ClassVar

import flax.struct
import jax.numpy as jnp

from entropy_rl.ops import masked, schedules
from entropy_rl.types import Array, TokenStats


@flax.struct.dataclass
class CovarianceWeight:
    """Weighs each token by a Gaussian of its covariance.

        gate_t = exp(-(cov_t - mean)^2 / (2 (width std)^2)),   mean and std over the valid tokens of the mini-batch

    Source: Wang et al. 2026, Taming Extreme Tokens, https://arxiv.org/abs/2605.11538, which has no parameter; that its
    kernel is centred at the mean and as wide as the standard deviation is our reading of the abstract, not checked
    against the paper.
    Slot: gate. Combines with everything.
    Entropy: as Clip-Cov without a threshold: both tails fade, those that would lower it and those that would raise it.
    When: advantages of any scale, batches of any size; no number to tune.
    """

    requires: ClassVar[frozenset[str]] = frozenset()

    width: float = 1.0  # standard deviations; infinity weighs all alike

    def __call__(self, stats: TokenStats, key: Array) -> Array:  # [B, T]
        del key
        assert stats.covariance is not None
        distance = stats.covariance - masked.mean(stats.covariance, stats.mask)
        deviation = masked.standard_deviation(stats.covariance, stats.mask, ddof=0)
        scaled = jnp.where(deviation > 0, distance / jnp.where(deviation > 0, deviation, 1.0), 0.0) / self.width
        return jnp.exp(-0.5 * scaled**2)

    def validate(self) -> None:
        schedules.check(self, "width", 0.0, remedy="1 is published; infinity weighs all alike", open_low=True)
