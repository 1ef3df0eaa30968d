"""Imitation of the policy's own right answers."""

from __future__ import annotations

from typing import ClassVar

import flax.struct
import jax.numpy as jnp

from entropy_rl.ops import schedules
from entropy_rl.types import Array, TokenStats


@flax.struct.dataclass
class PositiveNll:
    """Adds the negative log-likelihood of right answers.

        penalty_t = -coefficient * log pi_t   on responses that are correct, else 0   [nats]

    Source: Yue et al. 2025, VAPO, https://arxiv.org/abs/2504.05118 (coefficient .1)
    Slot: penalty. Combines with everything.
    Requires: correct (raw accuracy, not the shaped reward).
    Entropy: lowers it, on easy prompts too, where advantages are 0. For faster learning when successes are rare.
    """

    requires: ClassVar[frozenset[str]] = frozenset({"correct"})

    reads_statistics = False  # correctness and mask are known without a pass

    coefficient: float = 0.1

    def select(self, stats: TokenStats, key: Array) -> Array:  # [B, T]
        del key
        assert stats.correct is not None
        return (stats.mask & stats.correct[:, None]).astype(jnp.float32)

    def __call__(self, stats: TokenStats, selected: Array) -> Array:  # [B, T]
        return -self.coefficient * selected * stats.logprobs

    def validate(self) -> None:
        schedules.check(self, "coefficient", 0.0, remedy="a negative one would unlearn right answers")
