"""The plain entropy bonus: every token is pushed towards uniform, alike."""

from __future__ import annotations

from typing import ClassVar

import flax.struct
import jax.numpy as jnp

from entropy_rl.ops import schedules
from entropy_rl.types import Array, TokenStats


@flax.struct.dataclass
class EntropyBonus:
    """Rewards the exact entropy of the next-token distribution.

        penalty_t = -coefficient * H_t   [nats],   H of logits / sampling temperature

    Source: Williams and Peng 1991, Function optimization using connectionist RL algorithms; Mnih et al. 2016,
    https://arxiv.org/abs/1602.01783
    Slot: penalty. Combines with everything. It is averaged as the surrogate is, so a token mean gives the coefficient
    one meaning whatever the lengths.
    Entropy: raises it everywhere, also where a token must be certain. Too little does nothing, .01 tends to explode,
    and what lies between depends on the run: give it a schedule or a target.
    When: as the baseline that targeted control is compared with.
    """

    requires: ClassVar[frozenset[str]] = frozenset()
    reads_statistics = False  # it acts on every token alike

    coefficient: float = 1e-3

    def select(self, stats: TokenStats, key: Array) -> Array:  # [B, T]
        del key
        return stats.mask.astype(jnp.float32)

    def __call__(self, stats: TokenStats, selected: Array) -> Array:  # [B, T]
        return -self.coefficient * selected * stats.entropies

    def validate(self) -> None:
        schedules.check(self, "coefficient")
