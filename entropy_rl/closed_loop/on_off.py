"""All or nothing, on either side of a band."""

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
class OnOff:
    """Full effort for more entropy below the band, full effort for less above it, rest within.

        effort = most if H <= H* - band,  least if H > H* + band,  else 0

    Source: AEPO, https://arxiv.org/abs/2510.08141 (sampling temperature 1.2 or .8, band 0); Entrocraft,
    https://arxiv.org/abs/2604.26326 (rejection; from .65 +- .05 to .45 +- .05 nats).

    Attributes:
      band: nats on each side of the target.
    """

    band: float = 0.0

    def start(self, actuators: Sequence[Controlled]) -> tuple[()]:
        del actuators
        return ()

    def __call__(
        self, state: tuple[()], reading: Reading, actuators: Sequence[Controlled]
    ) -> tuple[tuple[()], Efforts]:
        least, most = allocation.reach(actuators)
        low, high = reading.entropy <= reading.target - self.band, reading.entropy > reading.target + self.band
        efforts = jnp.where(low, most, jnp.where(high, least, jnp.zeros_like(least)))
        return state, Efforts(efforts, jnp.zeros(least.shape, bool))  # an end is its way to work

    def figures(self, state: tuple[()]) -> dict[str, Array]:
        del state
        return {}

    def validate(self, actuators: Sequence[Controlled]) -> None:
        del actuators
        schedules.check(self, "band", 0.0, remedy="it is a width in nats")
