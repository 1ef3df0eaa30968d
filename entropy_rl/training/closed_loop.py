"""Closed loops in a run: read after each rollout, carried out by the update that follows and by the next rollout."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from entropy_rl.closed_loop.loop import EntropyLoop, OfDifficulty, OfTask, asking, informed, numbers, observe
from entropy_rl.closed_loop.targets import Budget
from entropy_rl.ops import schedules
from entropy_rl.parallel.rows import settled
from entropy_rl.problem import Problem
from entropy_rl.tasks.mixture import LABEL
from entropy_rl.training.judging import is_correct
from entropy_rl.training.responses import Response, unit_entropy
from entropy_rl.types import Array, TrainState

Readings = Mapping[str, tuple[float, float]]  # (entropy, standard error) in nats, by the loop's name
NOTHING = (math.nan, math.nan)
RECENT = 10  # points of the run whose mean is where it stands now


@dataclasses.dataclass(frozen=True)
class Observed:
    """What the loops make of a rollout: their next states, the numbers of the update, and metrics."""

    states: Any
    numbers: dict[str, Array]
    figures: dict[str, float]


class Keeper:
    """The loops of a run, as one small program."""

    def __init__(self, loops: Sequence[EntropyLoop], shardings: Any = None) -> None:
        """Args:
        shardings: of the states; the update finds them where it left them, and is not compiled again.
        """
        self._loops = tuple(loops)
        where = None if shardings is None else (shardings, None)
        self._observe = jax.jit(observe, out_shardings=where)
        self._informed = jax.jit(informed, static_argnames="due", out_shardings=where)

    def observe(self, state: TrainState, readings: Readings) -> Observed:
        """What follows from the entropies of a rollout; nothing is changed."""
        if not self._loops:
            return Observed((), {}, {})
        found = {loop.name: readings.get(loop.name, NOTHING) for loop in self._loops}  # one program, whatever was read
        measured = {name: (np.float32(mean), np.float32(error)) for name, (mean, error) in found.items()}
        states, figures = settled(self._observe(self._loops, state.controllers, measured))
        unread = tuple(f"controller/{name}/" for name, reading in found.items() if not np.isfinite(reading).all())
        told = {name: float(v) for name, v in jax.device_get(figures).items() if not name.startswith(unread)}
        return Observed(states, numbers(states), told)

    def asks(self, step: int) -> bool:
        """Whether gains are to be measured in a step, counted from 1."""
        return any(asking(self._loops, step))

    def informed(
        self, state: TrainState, slopes: Mapping[str, Array], step: int
    ) -> tuple[TrainState, dict[str, float]]:
        """The state with what the measured slopes teach the loops that asked in a step, and metrics.

        Args:
          slopes: as `sensitivity.Gauge` gives them.
        """
        due = asking(self._loops, step)
        states, figures = settled(self._informed(self._loops, state.controllers, dict(slopes), due=due))
        told = {name: float(value) for name, value in jax.device_get(figures).items()}
        return dataclasses.replace(state, controllers=states), told

    def advised(
        self, state: TrainState, measured: Mapping[str, float], points: Sequence[Sequence[float]]
    ) -> TrainState:
        """The state with the floors of its budgets where the forecast of this step puts them.

        Args:
          measured: metrics of the step; without a forecast nothing changes.
          points: (step, entropy, accuracy) of the run so far.
        """
        budgets = [loop for loop in self._loops if isinstance(loop.target, Budget)]
        if not budgets or "forecast/ceiling" not in measured:
            return state
        _, entropy, accuracy = np.mean(points[-RECENT:], axis=0)
        controllers = dict(state.controllers)
        for loop in budgets:
            known = controllers[loop.name]
            floor = worthwhile(entropy, accuracy, measured["forecast/ceiling"], float(loop.target.ceiling_share))
            placed = jax.device_put(np.float32(floor), known.floor.sharding)
            controllers[loop.name] = dataclasses.replace(known, floor=placed)
        return dataclasses.replace(state, controllers=controllers)


def worthwhile(entropy: float, accuracy: float, ceiling: float, share: float) -> float:
    """The entropy at which the law through the present point reaches a share of the forecast's ceiling, nats.

        R = ceiling - a (exp(H) - 1),   a = (ceiling - accuracy) / (exp(entropy) - 1)

    With nothing left to buy it is the present entropy.
    """
    left = ceiling - accuracy
    if left <= (1.0 - share) * ceiling:
        return entropy
    return math.log1p((1.0 - share) * ceiling * math.expm1(entropy) / left)


def readings(loops: Sequence[EntropyLoop], responses: Sequence[Response], problems: Sequence[Problem]) -> Readings:
    """The entropies that loops look at, of everything that a step sampled; those with nothing to look at are left out.

    Args:
      responses: of all processes; the responses to a problem are adjacent.
      problems: that were asked.
    """
    size = len(responses) // max(len(problems), 1)
    found = {}
    for loop in loops:
        groups = [responses[number * size : (number + 1) * size] for number in range(len(problems))]
        chosen = [group for group, problem in zip(groups, problems, strict=True) if _is_read(loop, group, problem)]
        if chosen:
            found[loop.name] = unit_entropy([response for group in chosen for response in group], len(chosen))
    return found


def _is_read(loop: EntropyLoop, group: Sequence[Response], problem: Problem) -> bool:
    match loop.measured:
        case OfTask(label=label):
            return problem.metadata.get(LABEL) == label
        case OfDifficulty(low=low, high=high):
            return low <= float(is_correct([response.verdict for response in group]).mean()) <= high
    return True


def sampling_temperature(temperature: Any, step: Array, controlled: Mapping[str, Array]) -> float:
    """A number, a schedule of optimiser steps, or what a loop says.

    Args:
      controlled: what the loops say, by name.
    """
    if isinstance(temperature, int | float):
        return temperature
    return float(schedules.resolve(temperature, step, controlled))
