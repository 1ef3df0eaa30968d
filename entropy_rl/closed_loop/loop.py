"""One loop: where entropy is measured, what it should be, who decides and what is turned. Pure and traced."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp

from entropy_rl.closed_loop.controllers import Reading
from entropy_rl.closed_loop.self_tuning import SelfTuning
from entropy_rl.closed_loop.targets import UNKNOWN, Budget, Moment
from entropy_rl.ops import schedules
from entropy_rl.ops.schedules import Controlled, Schedule
from entropy_rl.types import Array


@flax.struct.dataclass
class Everything:
    """All responses of the step."""


@flax.struct.dataclass
class OfDifficulty:
    """Responses to prompts whose share of right answers in this step lies in [low, high]: hard ones, or easy ones.

    As DifficultyBonus counts: what the verifier could not tell is not right. A step without such a prompt leaves the
    loop as it was.
    """

    low: float = flax.struct.field(pytree_node=False, default=0.0)
    high: float = flax.struct.field(pytree_node=False, default=0.5)


@flax.struct.dataclass
class OfTask:
    """Responses to one task of a mixture, by its label."""

    label: str = flax.struct.field(pytree_node=False)


@flax.struct.dataclass
class EntropyLoop:
    """Holds the entropy at a target by moving numbers within their limits.

    Attributes:
      target: of targets.py.
      actuators: in the order in which they are used; each stands somewhere in the config too.
      controller: how errors become efforts.
      measured: on which responses: `Everything`, `OfDifficulty` or `OfTask`.
      name: in metrics, controller/<name>/..., and in the state.
    """

    target: Any
    actuators: tuple[Controlled, ...]
    controller: Any = SelfTuning()
    measured: Any = Everything()
    name: str = flax.struct.field(pytree_node=False, default="entropy")

    def validate(self) -> None:
        """Raises ValueError that names the field, the rule and the remedy."""
        if not self.actuators:
            raise ValueError(f"closed loop {self.name!r} has no actuators; give it a Controlled(...), such as a bonus")
        if not callable(getattr(self.target, "validate", None)) or isinstance(self.target, Schedule | Controlled):
            raise ValueError(
                f"closed loop {self.name!r} has the target {self.target!r}; say what it is of: InNats(0.3), "
                "OfInitial(0.5) or Budget(steps), whose numbers may be schedules"
            )
        still = (self.controller, self.target) if isinstance(self.target, Budget) else (self.controller,)
        if moving := schedules.moving_in(still):
            raise ValueError(
                f"closed loop {self.name!r} has {moving[0]!r} in its controller or budget, whose numbers stand still; "
                "write a number"
            )
        read = self.measured
        if not isinstance(read, Everything | OfDifficulty | OfTask):
            raise ValueError(
                f"closed loop {self.name!r} has measured={read!r}; write Everything(), OfDifficulty(low, high) or "
                "OfTask(label)"
            )
        if isinstance(read, OfDifficulty) and not 0.0 <= read.low <= read.high <= 1.0:
            raise ValueError(f"closed loop {self.name!r} has {read!r}; accuracies are 0 <= low <= high <= 1")
        if isinstance(self.target, Budget) and not isinstance(read, Everything):
            raise ValueError(
                f"closed loop {self.name!r} has a Budget and reads {read!r}; the forecast is of all responses: set "
                "measured=Everything() or another target"
            )
        for part in (self.target, *self.actuators):
            part.validate()
        self.controller.validate(self.actuators)
        if measures_every(self) and not isinstance(self.measured, Everything):
            raise ValueError(
                f"closed loop {self.name!r} has measure_every={measures_every(self)} and reads a part of the "
                "responses; gains are measured over all of them: set measure_every=0 or measured=Everything()"
            )

    def resolved(self, momentum: float) -> EntropyLoop:
        """The same loop with a lag.

        Args:
          momentum: share of an RL step's push that the optimiser carries into the next.
        """
        if not isinstance(self.controller, SelfTuning) or self.controller.lag is not None:
            return self
        return dataclasses.replace(self, controller=dataclasses.replace(self.controller, lag=min(momentum, 0.99)))


@flax.struct.dataclass
class LoopState:
    """What a loop remembers; all arrays."""

    step: Array  # int32: RL steps so far
    initial: Array  # nats, of the first reading
    target: Array  # nats, of the last reading
    floor: Array  # nats, of the last forecast; UNKNOWN before
    numbers: dict[str, Array]  # what its actuators are set to
    controller: Any


def start(loops: Sequence[EntropyLoop]) -> Any:
    """States before the first step, by the loop's name; () without loops."""
    return {
        loop.name: LoopState(
            jnp.int32(0), jnp.float32(0), jnp.float32(0), jnp.float32(UNKNOWN),
            {actuator.name: jnp.asarray(actuator.rest, jnp.float32) for actuator in loop.actuators},
            loop.controller.start(loop.actuators),
        )
        for loop in loops
    } or ()  # fmt: skip


def numbers(states: Any) -> dict[str, Array]:
    """What every controlled number is now: the argument of `schedules.resolve`."""
    return {name: value for state in (states or {}).values() for name, value in state.numbers.items()}


def observe(
    loops: Sequence[EntropyLoop], states: Any, measured: Mapping[str, tuple[Array, Array]]
) -> tuple[Any, dict[str, Array]]:
    """What the loops make of a step's entropies: the next states, and metrics.

    Args:
      measured: by the loop's name, (entropy, standard error) in nats; nan where it had nothing to read. Such a loop
        counts the step, and stays as it is.
    """
    moved, figures = {}, {}
    for loop in loops:
        before, (entropy, error) = states[loop.name], measured[loop.name]
        known = jnp.isfinite(entropy) & jnp.isfinite(error)
        after, mine = _observe(loop, before, jnp.where(known, entropy, 1.0), jnp.where(known, error, 1.0))
        kept = jax.tree.map(lambda new, old: jnp.where(known, new, old), after, before)  # noqa: B023
        moved[loop.name] = dataclasses.replace(kept, step=after.step)
        figures |= {f"controller/{loop.name}/{name}": value for name, value in mine.items()}
    return moved, figures


def informed(
    loops: Sequence[EntropyLoop], states: Any, slopes: Mapping[str, Array], due: Sequence[bool]
) -> tuple[Any, dict[str, Array]]:
    """What the controllers that asked for gains make of them: the next states, and metrics.

    Args:
      slopes: of controlled numbers, by name: nats/token per unit of the number and RL step; 0 or absent where unknown.
      due: which of the loops asked in this step.
    """
    moved, figures = dict(states), {}
    for loop, asked in zip(loops, due, strict=True):
        if not asked:
            continue
        state = states[loop.name]
        entropy = jnp.maximum(jnp.exp(state.controller.mean[0]), 1e-6)
        gains = jnp.stack([slopes.get(one.name, 0.0) * one.scale() / entropy for one in loop.actuators])
        moved[loop.name] = dataclasses.replace(state, controller=loop.controller.informed(state.controller, gains))
        for place, one in enumerate(loop.actuators):
            figures[f"controller/{loop.name}/{one.name}/measured_gain"] = gains[place]
    return moved, figures


def asking(loops: Sequence[EntropyLoop], step: int) -> tuple[bool, ...]:
    """Which loops want their gains measured in an RL step, counted from 1.

    None in the first: Adam's first step has the same length whatever the loss.
    """
    every = map(measures_every, loops)
    return tuple(bool(steps) and step > 1 and (step - 1) % steps == 0 for steps in every)


def measures_every(loop: EntropyLoop) -> int:
    """RL steps between measurements of its actuators' gains; 0 without."""
    return loop.controller.measure_every if isinstance(loop.controller, SelfTuning) else 0


def _observe(loop: EntropyLoop, state: LoopState, entropy: Array, error: Array) -> tuple[LoopState, dict[str, Array]]:
    first = state.initial == 0  # which no reading is
    entropy = jnp.maximum(entropy, 1e-6)  # of a policy that is sure of everything; its logarithm is taken
    initial = jnp.where(first, entropy, state.initial)
    moment = Moment(state.step, initial, jnp.where(first, initial, state.target), state.floor)
    target = loop.target(moment)
    ahead = loop.target(dataclasses.replace(moment, step=state.step + 1, previous=target))
    controller, efforts = loop.controller(state.controller, Reading(entropy, error, target, ahead), loop.actuators)
    settings = {one.name: one.number(efforts.values[place]) for place, one in enumerate(loop.actuators)}
    figures = {"target": target, "entropy": entropy, "saturated": jnp.all(efforts.saturated).astype(jnp.float32)}
    if isinstance(loop.target, Budget):
        figures["floor"] = state.floor
    told = loop.controller.figures(controller)
    for name, value in told.items():
        if value.ndim == 0:
            figures[name] = value
    for place, one in enumerate(loop.actuators):
        figures[f"{one.name}/output"] = settings[one.name]
        figures[f"{one.name}/saturated"] = efforts.saturated[place].astype(jnp.float32)
        figures |= {f"{one.name}/{name}": value[place] for name, value in told.items() if value.ndim == 1}
    return LoopState(state.step + 1, initial, target, state.floor, settings, controller), figures
