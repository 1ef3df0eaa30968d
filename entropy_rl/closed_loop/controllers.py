"""What every controller is given and gives back. One controller is one file beside this one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import flax.struct

from entropy_rl.closed_loop.actuators import Efforts
from entropy_rl.ops.schedules import Controlled
from entropy_rl.types import Array


@flax.struct.dataclass
class Reading:
    """One step of a loop; scalars [] in nats."""

    entropy: Array  # measured
    error: Array  # standard error of it
    target: Array  # of this step
    ahead: Array  # of the next one: what the update of this step should bring about


class Controller(Protocol):
    """A frozen dataclass, its numbers pytree leaves: changing one never recompiles."""

    def start(self, actuators: Sequence[Controlled]) -> Any:
        """State before the first reading: a pytree of arrays."""
        ...

    def __call__(self, state: Any, reading: Reading, actuators: Sequence[Controlled]) -> tuple[Any, Efforts]:
        """The next state, and the efforts [n] until the next reading."""
        ...

    def figures(self, state: Any) -> dict[str, Array]:
        """What of the state is worth a metric: scalars [], or [n] where each actuator has one."""
        ...

    def validate(self, actuators: Sequence[Controlled]) -> None:
        """Raises ValueError that names the field, the rule and the remedy."""
        ...
