"""A fixed step up or down, by the sign of the error."""

from __future__ import annotations

from collections.abc import Sequence

import flax.struct
import jax.numpy as jnp

from entropy_rl.closed_loop import actuators as allocation
from entropy_rl.closed_loop.actuators import Efforts
from entropy_rl.closed_loop.controllers import Reading
from entropy_rl.ops import schedules
from entropy_rl.ops.schedules import Controlled
from entropy_rl.types import Array


@flax.struct.dataclass
class Stepwise:
    """Moves one number by `step` towards more entropy while there is too little, and back while there is too much.

        c <- clip(c + step sign(H* - H)),   applied: c if H < H* else rest

    Source: He et al. 2025, Skywork Open Reasoner 1, https://arxiv.org/abs/2505.22312 (H* .2, step 1e-4 up to .005, from
    their code), and TRL (H* .2, step .005 up to 1).

    Attributes:
      step: in the unit of the number.
      gated: it is applied only below the target.
    """

    step: float = 1e-4
    gated: bool = flax.struct.field(pytree_node=False, default=True)

    def start(self, actuators: Sequence[Controlled]) -> Array:
        return actuators[0].effort(jnp.float32(actuators[0].rest))

    def __call__(self, state: Array, reading: Reading, actuators: Sequence[Controlled]) -> tuple[Array, Efforts]:
        (actuator,) = actuators
        stride = jnp.abs(actuator.effort(jnp.float32(actuator.rest + self.step)))
        below = reading.entropy < reading.target
        asked = state + jnp.where(below, stride, -stride)
        least, most = allocation.reach(actuators)
        moved = jnp.clip(asked, least[0], most[0])
        applied = jnp.where(below, moved, jnp.minimum(moved, 0.0)) if self.gated else moved
        saturated = below & (asked > moved + 1e-6) | (~below & (asked < moved - 1e-6) & (least[0] < 0))
        return moved, Efforts(applied[None], saturated[None])

    def figures(self, state: Array) -> dict[str, Array]:
        return {"stored": state}

    def validate(self, actuators: Sequence[Controlled]) -> None:
        schedules.check(self, "step", 0.0, remedy="1e-4 is Skywork's for an entropy bonus", open_low=True)
        if len(actuators) != 1:
            raise ValueError(
                f"Stepwise moves one number, but its loop has {len(actuators)} actuators; leave one or use SelfTuning()"
            )
