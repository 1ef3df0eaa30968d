"""An entropy bonus that knows which prompts are hard."""

from __future__ import annotations

from typing import ClassVar

import flax.struct
import jax.numpy as jnp

from entropy_rl.ops import schedules
from entropy_rl.types import Array, TokenStats


@flax.struct.dataclass
class DifficultyBonus:
    """Rewards the exact entropy, with one coefficient for hard prompts and another for easy ones.

        penalty_t = -c H_t   [nats],   c = hard if the group's accuracy <= split, else easy

    Source: the "difficulty-aware coefficient allocation" of AER, https://arxiv.org/abs/2510.10959; the step between two
    coefficients is ours.
    Slot: penalty. Combines with everything.
    Requires: correct.
    Entropy: raises it where there is something to be found, and leaves solved prompts to sharpen.
    When: with a loop for the hard prompts, or two loops with a target each (`OfDifficulty`).
    """

    requires: ClassVar[frozenset[str]] = frozenset({"correct"})
    reads_statistics = False  # right answers are known without a pass

    hard: float = 1e-3
    easy: float = 0.0
    split: float = 0.5  # share of right answers

    def select(self, stats: TokenStats, key: Array) -> Array:  # [B, T]
        del key
        assert stats.correct is not None
        accuracy = stats.correct.reshape(-1, stats.group_size).mean(axis=1, dtype=jnp.float32)  # [P]
        coefficient = jnp.where(accuracy <= self.split, self.hard, self.easy)
        return jnp.where(stats.mask, jnp.repeat(coefficient, stats.group_size)[:, None], 0.0)

    def __call__(self, stats: TokenStats, selected: Array) -> Array:  # [B, T]
        return -selected * stats.entropies

    def validate(self) -> None:
        schedules.check(self, "hard")
        schedules.check(self, "easy")
        schedules.check(self, "split", 0.0, 1.0, "it is a share of right answers in a group")
