"""Proportional and integral gains, set by hand."""

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
class Memory:
    """What the integral remembers."""

    integral: Array  # [] nats * steps
    efforts: Array  # [n] in force


@flax.struct.dataclass
class ProportionalIntegral:
    """Effort in proportion to the error, and to the sum of all errors.

        effort = proportional e + integral sum e,   e = H* - H   [nats]

    The sum stands still while more is asked for than the ends or the slew limit allow, and the error would add to it
    (conditional anti-windup). With several actuators the effort of one beyond its end goes to the next.

    Source: EntroPIC, https://arxiv.org/abs/2511.15248, with 1 and .01 in its public script.

    Attributes:
      proportional: effort per nat.
      integral: effort per nat and step.
      slew: the most that an effort changes per step.
    """

    proportional: float = 1.0
    integral: float = 0.01
    slew: float = 2.0

    def start(self, actuators: Sequence[Controlled]) -> Memory:
        return Memory(jnp.float32(0), jnp.zeros(len(actuators), jnp.float32))

    def __call__(self, state: Memory, reading: Reading, actuators: Sequence[Controlled]) -> tuple[Memory, Efforts]:
        error = reading.target - reading.entropy
        least, most = allocation.reach(actuators)
        alike = jnp.ones(len(actuators), jnp.float32)
        summed = state.integral + error
        wish = self.proportional * error + self.integral * summed
        asked = allocation.in_sequence(wish, alike, least, most)
        made = allocation.slewed(asked.values, state.efforts, self.slew)
        outward = (wish - jnp.sum(made)) * error > 1e-6
        return Memory(jnp.where(outward, state.integral, summed), made), allocation.made(asked, made, least, most)

    def figures(self, state: Memory) -> dict[str, Array]:
        return {"integral": state.integral}

    def validate(self, actuators: Sequence[Controlled]) -> None:
        del actuators
        schedules.check(self, "proportional", 0.0, remedy="a negative gain would push entropy away from its target")
        schedules.check(self, "integral", 0.0, remedy="a negative gain would push entropy away from its target")
        schedules.check(self, "slew", 0.0, remedy="2 is no limit", open_low=True)
        if not (self.proportional > 0 or self.integral > 0):
            raise ValueError(
                "ProportionalIntegral has proportional=0 and integral=0; set one of them, or it does nothing"
            )
