"""An entropy bonus for each task of a mixture."""

from __future__ import annotations

from typing import ClassVar

import flax.struct
import jax.numpy as jnp

from entropy_rl.ops import schedules
from entropy_rl.types import Array, TokenStats


@flax.struct.dataclass
class TaskBonus:
    """Rewards the exact entropy, with a coefficient for each task of the mixture that is trained on.

        penalty_t = -c_k H_t   [nats],   k the task of the response's prompt

    Source: ours; the bonus itself is Williams & Peng 1991.
    Slot: penalty. Combines with everything.
    Requires: parts.
    Entropy: raises it in the tasks whose coefficient is above 0, and lowers it below; tasks share the weights, and so
      the others feel some of it.
    When: tasks that spend their entropy at different rates; with a loop and a target for each (`OfTask`).

    Attributes:
      coefficients: in the order of the mixture's parts; each a number, a schedule or a `Controlled`.
    """

    requires: ClassVar[frozenset[str]] = frozenset({"parts"})
    reads_statistics = False  # tasks are known without a pass

    coefficients: tuple[float, ...]

    def select(self, stats: TokenStats, key: Array) -> Array:  # [B, T]
        del key
        assert stats.parts is not None
        coefficients = jnp.stack([jnp.asarray(one, jnp.float32) for one in self.coefficients])  # [tasks]
        return jnp.where(stats.mask, coefficients[stats.parts][:, None], 0.0)

    def __call__(self, stats: TokenStats, selected: Array) -> Array:  # [B, T]
        return -selected * stats.entropies

    def validate(self) -> None:
        if not isinstance(self.coefficients, tuple) or not self.coefficients:
            raise ValueError(
                f"TaskBonus.coefficients is {self.coefficients!r}; write a tuple, a number for each task: (0.01, 0.0)"
            )
        for place, one in enumerate(self.coefficients):
            schedules.check_number(f"TaskBonus.coefficients[{place}]", one)
