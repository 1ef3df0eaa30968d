"""Correction for an engine that samples from slightly other probabilities than the trainer computes."""

from __future__ import annotations

from typing import ClassVar

import flax.struct
import jax.numpy as jnp

from entropy_rl.ops import masked, schedules
from entropy_rl.types import Array, TokenStats


@flax.struct.dataclass
class ImportanceCorrection:
    """Weighs each token by how much likelier the trainer finds it than the engine that sampled it.

        w_t    = exp(old log pi_t - rollout log pi_t)
        gate_t = min(max(w_t, low), high)               mode "truncate": TIS
        gate_t = w_t if low <= w_t <= high, else 0      mode "mask": IcePop

    The bounds apply to w, not to 1 / w.

    Source: Yao et al. 2025, Your efficient RL framework secretly brings you off-policy RL training (TIS; bounds 0 and
    2); Ling team 2025 (IcePop; bounds .5 and 5)
    Slot: gate. A masked token still counts in the mean. Combines with everything; do not also put the engine's
    log-probs in the ratio, or the correction counts twice.
    Requires: rollout_logprobs.
    Entropy: removes a bias that sharpens the policy; engines overrate what they sampled.
    """

    requires: ClassVar[frozenset[str]] = frozenset({"rollout_logprobs"})

    low: float = 0.0
    high: float = 2.0
    mode: str = flax.struct.field(pytree_node=False, default="truncate")

    def __call__(self, stats: TokenStats, key: Array) -> Array:  # [B, T]
        del key
        weights = jnp.exp(_disagreement(stats))
        if self.mode == "truncate":
            return jnp.clip(weights, self.low, self.high)
        return jnp.where((weights >= self.low) & (weights <= self.high), weights, 0.0)

    def validate(self) -> None:
        schedules.check(self, "low", 0.0, 1.0, "a weight of 1 means agreement and must be inside")
        schedules.check(self, "high", 1.0, remedy="a weight of 1 means agreement and must be inside")
        schedules.check_choice(self, "mode", ("truncate", "mask"))


@flax.struct.dataclass
class SequenceImportance:
    """Drops whole responses on which trainer and engine disagree.

        w_i    = exp(mean_t(old log pi_t - rollout log pi_t))   pool "geometric_mean"
        w_i    = exp(sum_t(old log pi_t - rollout log pi_t))    pool "product"
        gate_t = weight_t if low <= w_i <= high, else 0;   weight_t = w_t ("token"), w_i ("sequence") or 1 ("none")

    The bounds apply to w, not to 1 / w, which public code has been seen to do where they are asymmetric.

    Source: Liu et al. 2025, When Speed Kills Stability (masked importance sampling; not checked against the text); the
    geometric mean within (.999, 1.002) with token weights inside is in public use.
    Slot: gate. A masked token still counts in the mean. Combines with everything.
    Requires: rollout_logprobs.
    Entropy: removes the responses whose odd tokens the engine found likelier than the trainer does.
    When: long responses: a geometric mean does not drift with length. A product does: its bounds must be wide, or most
    long responses go.
    """

    requires: ClassVar[frozenset[str]] = frozenset({"rollout_logprobs"})

    low: float = 0.999
    high: float = 1.002
    pool: str = flax.struct.field(pytree_node=False, default="geometric_mean")
    weight: str = flax.struct.field(pytree_node=False, default="token")

    def __call__(self, stats: TokenStats, key: Array) -> Array:  # [B, T]
        del key
        log_weights = _disagreement(stats)
        pool = masked.mean if self.pool == "geometric_mean" else masked.sum
        sequence = jnp.exp(jnp.clip(pool(log_weights, stats.mask, axis=1, keepdims=True), -20.0, 20.0))  # [B, 1]
        weights = {"token": jnp.exp(log_weights), "sequence": sequence, "none": 1.0}[self.weight]
        return jnp.where((sequence >= self.low) & (sequence <= self.high), weights, jnp.zeros_like(log_weights))

    def validate(self) -> None:
        schedules.check(self, "low", 0.0, 1.0, "a weight of 1 means agreement and must be inside")
        schedules.check(self, "high", 1.0, remedy="a weight of 1 means agreement and must be inside")
        schedules.check_choice(self, "pool", ("geometric_mean", "product"))
        schedules.check_choice(self, "weight", ("token", "sequence", "none"))


def _disagreement(stats: TokenStats) -> Array:
    """[B, T] log of the token's importance weight, in nats."""
    assert stats.rollout_logprobs is not None
    return jnp.clip(stats.old_logprobs - stats.rollout_logprobs, -20.0, 20.0)
