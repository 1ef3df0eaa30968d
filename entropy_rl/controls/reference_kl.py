"""A leash to a reference policy."""

from __future__ import annotations

from typing import ClassVar

import flax.struct
import jax.numpy as jnp

from entropy_rl.ops import kl, schedules
from entropy_rl.types import Array, TokenStats

ESTIMATORS = {"unbiased": kl.unbiased, "k1": kl.k1, "k2": kl.k2, "k3": kl.k3}


@flax.struct.dataclass
class ReferenceKl:
    """Penalises the divergence from a reference policy, estimated from the sampled tokens.

        penalty_t = coefficient * estimate(log pi_t - log pi_ref,t)   [nats]

    Source: Shao et al. 2024 (GRPO), https://arxiv.org/abs/2402.03300, with k3; ops/kl.py says what each estimator's
    gradient is worth: k1 has none, k3 pulls in the other direction of the divergence, "unbiased" has k3's value and
    k2's gradient.
    Slot: penalty. Combines with everything.
    Requires: reference_logprobs.
    Entropy: holds it near the reference's, and the policy's reward with it.
    When: with an instruction-tuned start, or with a reference that is reset while training.
    """

    requires: ClassVar[frozenset[str]] = frozenset({"reference_logprobs"})
    reads_statistics = False  # it acts on every token alike

    coefficient: float = 1e-3
    estimator: str = flax.struct.field(pytree_node=False, default="unbiased")

    def select(self, stats: TokenStats, key: Array) -> Array:  # [B, T]
        del key
        return stats.mask.astype(jnp.float32)

    def __call__(self, stats: TokenStats, selected: Array) -> Array:  # [B, T]
        assert stats.reference_logprobs is not None
        return self.coefficient * selected * ESTIMATORS[self.estimator](stats.logprobs - stats.reference_logprobs)

    def validate(self) -> None:
        schedules.check(self, "coefficient", 0.0, remedy="a negative one would reward drift")
        schedules.check_choice(self, "estimator", tuple(ESTIMATORS))
