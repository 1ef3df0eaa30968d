"""OPEFO: what raises entropy and what lowers it are brought into balance."""

from __future__ import annotations

from typing import ClassVar

import flax.struct
import jax.numpy as jnp

from entropy_rl.ops import masked, schedules
from entropy_rl.ops.discriminator import discriminator
from entropy_rl.types import Array, TokenStats


@flax.struct.dataclass
class EntropyFlow:
    """Scales the tokens that raise entropy up and those that lower it down, until both sides weigh the same.

        flow_t  = -A_t pi_t (log pi_t + H_t)                 first-order change of entropy, 0 where clipped
        balance = (sum |flow < 0| - sum flow > 0) / sum |flow|
        gate_t  = 1 + strength balance  where flow_t > 0,   1 - strength balance  where flow_t < 0,   else 1

    With strength 1 the scaled flow adds up to 0.

    Source: Xu et al. 2026, Understanding and Preventing Entropy Collapse with OPEFO, https://arxiv.org/abs/2605.11491;
    the balance as summarised in a reading of the paper, the flow our own first-order form, not checked against it.
    Slot: gate. Combines with everything.
    Entropy: to first order it neither falls nor rises at strength 1; with several updates per rollout it drifts.
    When: on-policy training that must not collapse and should not be pushed to a target either.
    """

    requires: ClassVar[frozenset[str]] = frozenset()

    strength: float = 1.0

    def __call__(self, stats: TokenStats, key: Array) -> Array:  # [B, T]
        del key
        assert stats.clipped is not None
        flow = -stats.advantages * discriminator(stats.logprobs, stats.entropies)
        flow = jnp.where(stats.clipped, 0.0, flow)
        total = masked.sum(jnp.abs(flow), stats.mask)
        balance = -masked.sum(flow, stats.mask) / jnp.where(total > 0, total, 1.0)
        return 1.0 + self.strength * balance * jnp.sign(flow)

    def validate(self) -> None:
        schedules.check(
            self, "strength", 0.0, 1.0, "0 leaves the update alone, 1 balances it; beyond, weights turn negative"
        )
