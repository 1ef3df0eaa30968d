"""What the entropy should be, in nats per token, as a function of the RL step."""

from __future__ import annotations

from typing import Any, Protocol

import flax.struct
import jax.numpy as jnp

from entropy_rl.ops import schedules
from entropy_rl.types import Array

MOST = 100.0  # more than any vocabulary holds
UNKNOWN = -1.0  # of a floor that no forecast has set yet: it is an argument, and so not None


@flax.struct.dataclass
class Moment:
    """What a target may look at; scalars [] in nats, but for the step."""

    step: Array  # int32: RL steps done
    initial: Array  # the entropy measured in the first step
    previous: Array  # the target of the step before; the initial entropy in the first
    floor: Array  # the lowest entropy that a forecast finds worth its price; < 0 before there is one


class Target(Protocol):
    """A frozen dataclass whose numbers may be schedules; they count RL steps here, not optimiser steps."""

    def __call__(self, moment: Moment) -> Array:
        """[] float32 nats."""
        ...

    def validate(self) -> None:
        """Raises ValueError that names the field, the rule and the remedy."""
        ...


@flax.struct.dataclass
class InNats:
    """A given entropy: constant, or a schedule of RL steps such as `Linear(0.6, 0.05, 240)`."""

    entropy: Any

    def __call__(self, moment: Moment) -> Array:
        return jnp.asarray(schedules.resolve(self, moment.step).entropy, jnp.float32)

    def validate(self) -> None:
        schedules.check(self, "entropy", 0.0, MOST, "it is an entropy in nats per token", open_low=True)


@flax.struct.dataclass
class OfInitial:
    """A share of what the first step measured: constant, or a schedule of RL steps such as `Linear(1.0, 0.15, 240)`.

    Source: "initial-anchored target", AER, https://arxiv.org/abs/2510.10959, with shares about .4.
    """

    share: Any

    def __call__(self, moment: Moment) -> Array:
        return moment.initial * schedules.resolve(self, moment.step).share

    def validate(self) -> None:
        schedules.check(self, "share", 0.0, MOST, "1 is the entropy of the first step", open_low=True)


@flax.struct.dataclass
class Budget:
    """Spends entropy at the rate at which the entropy law promises equal gains per step, down to the forecast's floor.

    Under R = b - a exp(H) a step gains a |change of exp(H)|: exp(H*) falls in a straight line to exp(floor), which it
    reaches at `steps`. Each forecast moves the floor, and with it the rest of the line; before the first one the
    target stays at the initial entropy.

    Attributes:
      steps: RL steps of the run.
      ceiling_share: the floor is where the law reaches this share of the ceiling that it promises: the last percents
        cost most of the diversity.
    """

    steps: Any
    ceiling_share: float = 0.95

    def __call__(self, moment: Moment) -> Array:
        left = jnp.maximum(self.steps - moment.step, 1.0)
        now = jnp.exp(moment.previous)
        spent = jnp.log(now + (jnp.exp(jnp.minimum(moment.floor, moment.previous)) - now) / left)
        return jnp.where(moment.floor < 0, moment.previous, spent)

    def validate(self) -> None:
        schedules.check(self, "steps", 1.0, remedy="write the steps of the run")
        schedules.check(
            self, "ceiling_share", 0.0, 1.0 - 1e-6, "0.95 is usual; 1 would ask for entropy 0", open_low=True
        )
