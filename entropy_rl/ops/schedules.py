"""Numbers that move: with the optimiser step, or as a closed loop sets them. Both may stand wherever a method has a
number.

`resolve` replaces them in a tree by the numbers of a step, inside the compiled update: the step and what the loops say
are arguments, and so nothing recompiles.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self, TypeVar

import flax.struct
import jax
import jax.numpy as jnp

from entropy_rl.types import Array

Number = float | Array
Tree = TypeVar("Tree")


if TYPE_CHECKING:

    class _Number(float):
        """To the type checker what moves is a float, for it may stand in any numeric field until it is resolved."""

        def __new__(cls, *args: Any, **kwargs: Any) -> Self: ...
else:
    _Number = object


class Schedule(_Number):
    """A number as a function of the optimiser step; a pytree whose fields are numbers."""

    def __call__(self, step: Array) -> Array:
        """[] float32 at `step` [], counted from 0."""
        raise NotImplementedError

    def extremes(self) -> tuple[float, float]:
        """The smallest and the largest number it ever gives: what range checks look at."""
        raise NotImplementedError

    def validate(self) -> None:
        """Raises ValueError that names the field, the rule and the remedy."""


@flax.struct.dataclass
class Linear(Schedule):
    """From `start` to `end` in a straight line over `steps` steps, then `end`."""

    start: Number
    end: Number
    steps: Number

    def __call__(self, step: Array) -> Array:
        return self.start + (self.end - self.start) * _progress(step, self.steps)

    def extremes(self) -> tuple[float, float]:
        return min(self.start, self.end), max(self.start, self.end)  # type: ignore[return-value]

    def validate(self) -> None:
        _check_steps(self, "steps", self.steps)


@flax.struct.dataclass
class Cosine(Schedule):
    """From `start` to `end` along half a cosine over `steps` steps, then `end`."""

    start: Number
    end: Number
    steps: Number

    def __call__(self, step: Array) -> Array:
        remaining = 0.5 * (1.0 + jnp.cos(math.pi * _progress(step, self.steps)))
        return self.end + (self.start - self.end) * remaining

    def extremes(self) -> tuple[float, float]:
        return min(self.start, self.end), max(self.start, self.end)  # type: ignore[return-value]

    def validate(self) -> None:
        _check_steps(self, "steps", self.steps)


@flax.struct.dataclass
class Exponential(Schedule):
    """From `start` to `end`, both > 0, by the same factor at each of `steps` steps, then `end`."""

    start: Number
    end: Number
    steps: Number

    def __call__(self, step: Array) -> Array:
        return self.start * jnp.power(jnp.asarray(self.end / self.start, jnp.float32), _progress(step, self.steps))

    def extremes(self) -> tuple[float, float]:
        return min(self.start, self.end), max(self.start, self.end)  # type: ignore[return-value]

    def validate(self) -> None:
        _check_steps(self, "steps", self.steps)
        for field in ("start", "end"):
            if not getattr(self, field) > 0:
                raise ValueError(
                    f"Exponential.{field} is {getattr(self, field)!r}; it must be > 0: use Linear to reach 0"
                )


@flax.struct.dataclass
class WarmupConstant(Schedule):
    """value * (step + 1) / warmup_steps during the warm-up, then `value`: the first step is not lost."""

    value: Number
    warmup_steps: Number

    def __call__(self, step: Array) -> Array:
        return self.value * jnp.clip((step + 1.0) / self.warmup_steps, 0.0, 1.0)

    def extremes(self) -> tuple[float, float]:
        return min(0.0, self.value), max(0.0, self.value)  # type: ignore[return-value]

    def validate(self) -> None:
        _check_steps(self, "warmup_steps", self.warmup_steps)


@flax.struct.dataclass
class WarmupCosine(Schedule):
    """A linear warm-up to `peak` over `warmup_steps`, then half a cosine to `end` at step `steps`."""

    peak: Number
    end: Number
    warmup_steps: Number
    steps: Number

    def __call__(self, step: Array) -> Array:
        decay = Cosine(self.peak, self.end, self.steps - self.warmup_steps)(jnp.asarray(step) - self.warmup_steps)
        return jnp.where(step < self.warmup_steps, WarmupConstant(self.peak, self.warmup_steps)(step), decay)

    def extremes(self) -> tuple[float, float]:
        return min(0.0, self.peak, self.end), max(0.0, self.peak, self.end)  # type: ignore[return-value]

    def validate(self) -> None:
        _check_steps(self, "warmup_steps", self.warmup_steps)
        if not self.steps > self.warmup_steps:
            raise ValueError(
                f"WarmupCosine.steps is {self.steps}, within its warm-up of {self.warmup_steps}; raise steps"
            )


@flax.struct.dataclass
class Controlled(_Number):
    """A number that a closed loop sets, within limits (entropy_rl/closed_loop). One may stand in several places.

    A loop speaks of its effort: 0 is rest, +1 and -1 are the ends that are furthest from it, and more effort means more
    entropy, so that a loop need not know what it moves.

    Attributes:
      name: what its loop and the metrics call it.
      low, high: what it never leaves.
      rest: where it begins, and what it is while nothing is asked of it.
      raises: whether a larger number raises entropy: an entropy bonus does, a weight of right answers does not.
    """

    name: str = flax.struct.field(pytree_node=False)
    low: Number
    high: Number
    rest: Number = 0.0
    raises: bool = flax.struct.field(pytree_node=False, default=True)

    def number(self, effort: Array) -> Array:
        """[] float32, the number at an effort []."""
        return jnp.clip(self.rest + self.scale() * effort, self.low, self.high)

    def effort(self, number: Array) -> Array:
        """The inverse of `number`, within the limits."""
        return (number - self.rest) / self.scale()

    def reach(self) -> tuple[Array, Array]:
        """The smallest and the largest effort."""
        low, high = self.effort(jnp.float32(self.low)), self.effort(jnp.float32(self.high))
        return (low, high) if self.raises else (high, low)

    def scale(self) -> Array:
        """[] float32, what the number gains per unit of effort."""
        return jnp.maximum(self.high - self.rest, self.rest - self.low) * (1.0 if self.raises else -1.0)

    def extremes(self) -> tuple[float, float]:
        """The limits: what range checks look at."""
        return self.low, self.high  # type: ignore[return-value]

    def validate(self) -> None:
        """Raises ValueError that names the field, the rule and the remedy."""
        if not self.name:
            raise ValueError("Controlled.name is empty; name what is controlled, such as 'bonus'")
        if not (self.low <= self.rest <= self.high and self.low < self.high and self.high - self.low < math.inf):
            raise ValueError(
                f"Controlled {self.name!r} has low={self.low!r}, rest={self.rest!r}, high={self.high!r}; they must be "
                "finite, in this order, and leave room to move"
            )


def resolve(tree: Tree, step: Array, controlled: Mapping[str, Array] | None = None) -> Tree:
    """The same tree with every schedule and every controlled number replaced by a float32 number.

    Args:
      step: optimiser steps taken.
      controlled: what the closed loops say, by name; a number that none speaks of is at rest.
    """

    def number(leaf: Any) -> Any:
        if isinstance(leaf, Controlled):
            return jnp.asarray((controlled or {}).get(leaf.name, leaf.rest), jnp.float32)
        return jnp.asarray(leaf(step), jnp.float32) if isinstance(leaf, Schedule) else leaf

    return jax.tree.map(number, tree, is_leaf=lambda leaf: isinstance(leaf, Schedule | Controlled))


def controlled_in(tree: Any) -> list[Controlled]:
    """Every controlled number that stands in a tree."""
    is_controlled = lambda leaf: isinstance(leaf, Controlled)  # noqa: E731
    return [leaf for leaf in jax.tree.leaves(tree, is_leaf=is_controlled) if is_controlled(leaf)]


def moving_in(tree: Any) -> list[Any]:
    """Every schedule and controlled number that stands in a tree."""
    moves = lambda leaf: isinstance(leaf, Schedule | Controlled)  # noqa: E731
    return [leaf for leaf in jax.tree.leaves(tree, is_leaf=moves) if moves(leaf)]


def check(
    method: Any, field: str, low: float = -math.inf, high: float = math.inf, remedy: str = "", open_low: bool = False
) -> None:
    """Raises ValueError unless method.field, or every number that its schedule gives, lies in [low, high].

    Args:
      remedy: what the user should do, put behind the rule.
      open_low: `low` itself is refused.
    """
    check_number(f"{type(method).__name__}.{field}", getattr(method, field), low, high, remedy, open_low)


def check_number(
    name: str, value: Any, low: float = -math.inf, high: float = math.inf, remedy: str = "", open_low: bool = False
) -> None:
    """As `check`, of a value that `name` stands for."""
    if callable(getattr(value, "validate", None)):
        value.validate()
    try:
        if isinstance(value, str | bool):
            raise TypeError
        numbers = value.extremes() if hasattr(value, "extremes") else (float(value),)
    except (TypeError, ValueError):
        raise ValueError(f"{name} is {value!r}; it must be a number or a schedule of numbers") from None
    for number in numbers:
        if not (low < number if open_low else low <= number) or not number <= high:  # refuses NaN as well
            rule = f"must lie in {'(' if open_low else '['}{low:g}, {high:g}]"
            raise ValueError(f"{name} is {value!r}, but it {rule}" + (f"; {remedy}" if remedy else ""))


def check_choice(method: Any, field: str, choices: tuple[str | int, ...]) -> None:
    """Raises ValueError unless method.field is one of `choices`."""
    value = getattr(method, field)
    if value not in choices:
        raise ValueError(f"{type(method).__name__}.{field} is {value!r}; choose one of {', '.join(map(repr, choices))}")


def check_fraction(method: Any, field: str = "fraction", bound: str = "max_fraction") -> None:
    """A moving fraction and its static bound: 0 <= fraction <= max_fraction <= 1."""
    check(method, bound, 0.0, 1.0, "it is a fraction of the tokens, not a percentage", open_low=True)
    check(
        method, field, 0.0, getattr(method, bound), f"lower it, or raise {bound}, which bounds the compiled selection"
    )


def _progress(step: Array, steps: Number) -> Array:
    return jnp.clip(jnp.asarray(step, jnp.float32) / steps, 0.0, 1.0)


def _check_steps(schedule: Schedule, field: str, value: Number) -> None:
    if not value > 0:
        raise ValueError(f"{type(schedule).__name__}.{field} is {value!r}; it must be at least 1 optimiser step")
