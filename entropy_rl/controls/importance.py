"""Correction for an engine that samples from slightly other probabilities than the trainer computes."""

from __future__ import annotations

from typing import ClassVar

import flax.struct
import jax.numpy as jnp

from entropy_rl.ops import schedules
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
        assert stats.rollout_logprobs is not None
        weights = jnp.exp(jnp.clip(stats.old_logprobs - stats.rollout_logprobs, -20.0, 20.0))
        if self.mode == "truncate":
            return jnp.clip(weights, self.low, self.high)
        return jnp.where((weights >= self.low) & (weights <= self.high), weights, 0.0)

    def validate(self) -> None:
        schedules.check(self, "low", 0.0, 1.0, "a weight of 1 means agreement and must be inside")
        schedules.check(self, "high", 1.0, remedy="a weight of 1 means agreement and must be inside")
        schedules.check_choice(self, "mode", ("truncate", "mask"))
