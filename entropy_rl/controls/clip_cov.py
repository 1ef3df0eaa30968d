"""Clip-Cov: a few tokens of high covariance sit the update out."""

from __future__ import annotations

from typing import ClassVar

import flax.struct
import jax.numpy as jnp

from entropy_rl.ops import masked, schedules, selection
from entropy_rl.types import Array, TokenStats

SIDES = ("both", "positive", "negative")


@flax.struct.dataclass
class ClipCov:
    """Closes randomly chosen tokens among those whose covariance lies in a band.

        gate_t = 0   for min(floor(fraction * n_valid), |E|) tokens of E, uniformly without replacement;   else 1
        E      = {t valid, not clipped by the surrogate, omega_low < cov_t < omega_high}

    Source: Cui et al. 2025, https://arxiv.org/abs/2505.22617, section 4.2. Published: fraction 2e-4, band (1, 5), with
    ClippedSurrogate(1, 1), for 7B and 32B. Public code selects per micro-batch and at least one token; here the whole
    mini-batch counts, and `minimum` is 0.
    Slot: gate. A closed token still counts in the mean. Combines with everything.
    Entropy: high covariance is what entropy is spent on, so leaving these tokens out slows its fall; acts on-policy
    too.
    When: first choice at scale. The band is in units of normalised advantages (at G = 8 a token of a right answer
    reaches 1 only if the batch entropy exceeds .40 nats): a small batch needs a larger fraction, a small model
    `QuantileClipCov`.

    Attributes:
      side: "positive" or "negative" takes only tokens with an advantage of that sign.
    """

    requires: ClassVar[frozenset[str]] = frozenset()

    fraction: float = 2e-4  # of the valid tokens of the mini-batch
    omega_low: float = 1.0  # nats * advantage
    omega_high: float = 5.0
    max_fraction: float = flax.struct.field(pytree_node=False, default=0.01)  # static: bounds the selection
    minimum: int = flax.struct.field(pytree_node=False, default=0)  # tokens; 1 for parity with public code
    side: str = flax.struct.field(pytree_node=False, default="both")

    def __call__(self, stats: TokenStats, key: Array) -> Array:  # [B, T]
        assert stats.covariance is not None and stats.clipped is not None
        in_band = (stats.covariance > self.omega_low) & (stats.covariance < self.omega_high)
        eligible = stats.mask & ~stats.clipped & in_band & on_side(stats.advantages, self.side)
        count = selection.fraction_count(self.fraction, stats.mask, self.minimum)
        closed = selection.random_subset(key, eligible, stats.sample_ids, count, self.max_fraction, self.minimum)
        return jnp.where(closed, 0.0, 1.0)

    def validate(self) -> None:
        schedules.check_fraction(self)
        schedules.check_choice(self, "side", SIDES)
        schedules.check(self, "omega_low")
        schedules.check(self, "omega_high")
        if _number(self.omega_low) >= _number(self.omega_high):
            raise ValueError(
                f"ClipCov.omega_low {self.omega_low!r} is not below omega_high {self.omega_high!r}; "
                "no token can lie between"
            )


def on_side(advantages: Array, side: str) -> Array:
    """[B, T] bool: tokens whose advantage has the sign that `side` asks for; all for "both"."""
    if side == "both":
        return jnp.ones(advantages.shape, bool)
    return advantages > 0 if side == "positive" else advantages < 0


def closed_count(gate: Array, mask: Array) -> Array:
    """Number of valid tokens that a gate closes, int32 []."""
    return masked.count((gate == 0) & mask)


def _number(value: object) -> float:
    moves = isinstance(value, schedules.Schedule | schedules.Controlled)
    return value.extremes()[0] if moves else float(value)  # type: ignore[arg-type]
