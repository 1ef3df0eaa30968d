"""KL-Cov: the tokens of highest covariance are held near the rollout policy."""

from __future__ import annotations

from typing import ClassVar

import flax.struct
import jax.numpy as jnp

from entropy_rl.controls.clip_cov import SIDES, on_side
from entropy_rl.ops import kl, schedules, selection
from entropy_rl.types import Array, TokenStats


@flax.struct.dataclass
class KlCov:
    """Penalises the drift from the rollout policy on the tokens whose covariance is largest.

        penalty_t = coefficient * |log ratio_t|   for the floor(fraction * n_valid) largest cov_t, else 0   [nats]

    Source: Cui et al. 2025, https://arxiv.org/abs/2505.22617, section 4.2; the penalty as in the authors' code.
    Published with UnclippedSurrogate, coefficient 1, fraction 2e-3 (7B) and 2e-4 (32B), 8 updates per rollout.
    Slot: penalty. Combines with everything.
    Entropy: with A < 0 the pull back exceeds the push down as soon as coefficient > |A| r: a hard stop for those
    tokens.
    When: several updates per rollout. With one, every ratio is 1 and the penalty does nothing. "absolute" has slope 1
    however small the ratio's rounding noise is; "k2" and "huber" fade to 0 with it.

    Attributes:
      estimator: "absolute", "k2" or "huber" (rounded within `delta`).
    """

    requires: ClassVar[frozenset[str]] = frozenset()

    fraction: float = 2e-3  # of the valid tokens of the mini-batch
    coefficient: float = 1.0
    delta: float = 0.05  # nats; used by "huber" only
    max_fraction: float = flax.struct.field(pytree_node=False, default=0.05)  # static: bounds the selection
    minimum: int = flax.struct.field(pytree_node=False, default=0)  # tokens; 1 for parity with public code
    estimator: str = flax.struct.field(pytree_node=False, default="absolute")
    side: str = flax.struct.field(pytree_node=False, default="both")

    def select(self, stats: TokenStats, key: Array) -> Array:  # [B, T]
        del key  # the largest are the largest
        assert stats.covariance is not None
        eligible = on_side(stats.advantages, self.side)
        selected = selection.top_fraction(
            stats.covariance, stats.mask, self.fraction, self.max_fraction, self.minimum, eligible
        )
        return selected.astype(jnp.float32)

    def __call__(self, stats: TokenStats, selected: Array) -> Array:  # [B, T]
        if self.estimator == "huber":
            drift = kl.huber(stats.log_ratio, self.delta)
        else:
            drift = kl.k2(stats.log_ratio) if self.estimator == "k2" else kl.absolute(stats.log_ratio)
        return self.coefficient * selected * drift

    def validate(self) -> None:
        schedules.check_fraction(self)
        schedules.check(self, "coefficient", 0.0, remedy="a negative one would reward drift")
        schedules.check(self, "delta", 0.0, remedy="use the absolute estimator for no rounding", open_low=True)
        schedules.check_choice(self, "estimator", ("absolute", "k2", "huber"))
        schedules.check_choice(self, "side", SIDES)
