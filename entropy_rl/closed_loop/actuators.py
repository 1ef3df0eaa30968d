"""From a wish to efforts: who does how much, and who is at the end of what it can do."""

from __future__ import annotations

from collections.abc import Sequence

import flax.struct
import jax.numpy as jnp

from entropy_rl.ops.schedules import Controlled
from entropy_rl.types import Array


@flax.struct.dataclass
class Efforts:
    """What actuators are asked for; [n] each."""

    values: Array  # float32, within reach
    saturated: Array  # bool: more would be asked of it if there were more


def reach(actuators: Sequence[Controlled]) -> tuple[Array, Array]:
    """The smallest and the largest effort of each, [n]."""
    ends = [actuator.reach() for actuator in actuators]
    return jnp.stack([low for low, _ in ends]), jnp.stack([high for _, high in ends])


def in_sequence(wish: Array, gains: Array, least: Array, most: Array) -> Efforts:
    """Each takes what it can of the wish and hands on the rest; the last is left with what nobody can do.

    Args:
      wish: [] in any unit, such as a change of log entropy.
      gains: [n] > 0, unit of the wish per unit of effort.
      least, most: [n] reach.
    """
    values, saturated = [], []
    for number in range(gains.shape[0]):
        asked = wish / gains[number]
        value = jnp.clip(asked, least[number], most[number])
        wish = wish - gains[number] * value
        values.append(value)
        saturated.append(jnp.abs(asked - value) > 1e-6)
    return Efforts(jnp.stack(values), jnp.stack(saturated))


def split(wish: Array, gains: Array, least: Array, most: Array) -> Efforts:
    """All at once, each by its sensitivity: the smallest sum of squares; what some cannot do, others try."""
    first = jnp.clip(wish * gains / jnp.sum(gains**2), least, most)
    rest = in_sequence(wish - jnp.sum(gains * first), gains, least - first, most - first)
    values = first + rest.values
    unmet = jnp.abs(wish - jnp.sum(gains * values)) > 1e-6
    return Efforts(values, unmet & at_an_end(values, least, most))


def made(asked: Efforts, values: Array, least: Array, most: Array) -> Efforts:
    """What is made of what was asked for: one that is held back by its slew limit is not at its end yet."""
    return Efforts(values, asked.saturated & at_an_end(values, least, most))


def at_an_end(values: Array, least: Array, most: Array) -> Array:
    """[n] bool, but for rounding."""
    return (values <= least + 1e-6) | (values >= most - 1e-6)


def slewed(efforts: Array, previous: Array, slew: Array | float) -> Array:
    """[n] efforts that differ from the previous ones by no more than `slew`."""
    return jnp.clip(efforts, previous - slew, previous + slew)
