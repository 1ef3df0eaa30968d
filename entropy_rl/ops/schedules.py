"""Numbers that move with the optimiser step. A schedule may stand wherever a method has a number.

`resolve` replaces every schedule of a tree by its number at a step, inside the compiled update: the step is an
argument, and so nothing recompiles.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Self, TypeVar

import flax.struct
import jax
import jax.numpy as jnp

from entropy_rl.types import Array

Number = float | Array
Tree = TypeVar("Tree")


if TYPE_CHECKING:

    class _Number(float):
        """To the type checker a schedule is a float, because it may stand in any numeric field until it is resolved."""

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


def resolve(tree: Tree, step: Array) -> Tree:
    """The same tree with every schedule replaced by its float32 number at `step`."""

    def number(leaf: Any) -> Any:
        return jnp.asarray(leaf(step), jnp.float32) if isinstance(leaf, Schedule) else leaf

    return jax.tree.map(number, tree, is_leaf=lambda leaf: isinstance(leaf, Schedule))


def check(
    method: Any, field: str, low: float = -math.inf, high: float = math.inf, remedy: str = "", open_low: bool = False
) -> None:
    """Raises ValueError unless method.field, or every number that its schedule gives, lies in [low, high].

    Args:
      remedy: what the user should do, put behind the rule.
      open_low: `low` itself is refused.
    """
    value = getattr(method, field)
    name = f"{type(method).__name__}.{field}"
    if callable(getattr(value, "validate", None)):
        value.validate()
    try:
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
