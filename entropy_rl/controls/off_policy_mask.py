"""OPSM: wrong answers that the policy has already left behind are left alone."""

from __future__ import annotations

from typing import ClassVar

import flax.struct
import jax.numpy as jnp

from entropy_rl.ops import masked, schedules
from entropy_rl.types import Array, TokenStats


@flax.struct.dataclass
class OffPolicySequenceMask:
    """Closes whole responses with a negative advantage once the policy has moved away from them.

        gate_t = 0   where A_t < 0 and mean_i(old log pi - log pi) > delta,   else 1

    Source: DeepSeek-AI 2025, DeepSeek-V3.2, https://arxiv.org/abs/2512.02556 (not checked against the paper); delta
    1e-4 is the default of a public trainer, another suggests .5.
    Slot: gate. A closed token still counts in the mean. Combines with everything.
    Entropy: stops pushing on what has been pushed far enough; the mass that leaves a wrong answer goes to the likely
    tokens, so there is less sharpening.
    When: several updates per rollout, or stale rollouts. On-policy, and with covariance_logprobs="old", it closes
    nothing.
    """

    requires: ClassVar[frozenset[str]] = frozenset()

    delta: float = 1e-4  # nats per token

    def __call__(self, stats: TokenStats, key: Array) -> Array:  # [B, T]
        del key
        left = masked.mean(-stats.log_ratio, stats.mask, axis=1, keepdims=True) > self.delta  # [B, 1]
        return jnp.where((stats.advantages < 0) & left, 0.0, 1.0)

    def validate(self) -> None:
        schedules.check(self, "delta", 0.0, remedy="1e-4 and 0.5 are in use; infinity closes nothing")
