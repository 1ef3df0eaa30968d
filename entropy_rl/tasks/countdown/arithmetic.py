"""The arithmetic of Countdown, and an exact search over everything that can be made of some numbers."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Iterator
from typing import NamedTuple

Numbers = tuple[int, ...]  # sorted: states that differ in order only are the same state


class Step(NamedTuple):
    """`left operator right = result`, as written; the result may be wrong."""

    left: int
    operator: str
    right: int
    result: int


@dataclasses.dataclass(frozen=True, slots=True)
class Rules:
    """Which steps are legal."""

    operators: tuple[str, ...]
    max_intermediate: int  # every result lies in 0 .. max_intermediate

    def allows(self, result: int) -> bool:
        return 0 <= result <= self.max_intermediate


def evaluate(left: int, operator: str, right: int) -> int:
    """The integer that `left operator right` is."""
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
    raise ValueError(f"operator {operator!r} is unknown; use one of '+', '-', '*'")


@functools.lru_cache(maxsize=1 << 17)
def moves(rules: Rules, numbers: Numbers) -> tuple[tuple[Step, Numbers], ...]:
    """Every legal step on two of the numbers, with the numbers left after it.

    Ordered pairs of positions: equal numbers give equal moves more than once, so that a uniform choice of a move is a
    uniform choice of two numbers on the table and an operator.
    """
    found = []
    for i, left in enumerate(numbers):
        for j, right in enumerate(numbers):
            if i == j:
                continue
            others = [number for k, number in enumerate(numbers) if k != i and k != j]
            for operator in rules.operators:
                result = evaluate(left, operator, right)
                if rules.allows(result):
                    found.append((Step(left, operator, right, result), tuple(sorted([*others, result]))))
    return tuple(found)


@functools.lru_cache(maxsize=1 << 17)
def reachable(rules: Rules, numbers: Numbers) -> Numbers:
    """Every value, in rising order, that uses each of the numbers exactly once."""
    if len(numbers) == 1:
        return numbers
    values: set[int] = set()
    for rest in {rest for _, rest in moves(rules, numbers)}:
        values.update(reachable(rules, rest))
    return tuple(sorted(values))


def routes(rules: Rules, numbers: Numbers, target: int) -> Iterator[tuple[Step, ...]]:
    """Every sequence of steps, as it may be written, that makes the target of all the numbers; each once."""
    if len(numbers) == 1:
        if numbers[0] == target:
            yield ()
        return
    for step, rest in dict.fromkeys(moves(rules, numbers)):
        if target in reachable(rules, rest):
            for tail in routes(rules, rest, target):
                yield (step, *tail)


def canonical(steps: Iterable[Step]) -> str:
    """One name for all ways to write the same steps: neither their order nor that of summands and factors matters.

    The name is made of the written numbers alone: of two equal numbers on the table, nothing says which was meant.
    """
    ordered = []
    for left, operator, right, result in steps:
        if operator != "-" and left > right:
            left, right = right, left
        ordered.append(Step(left, operator, right, result))
    return " ".join(f"{left}{operator}{right}={result}" for left, operator, right, result in sorted(ordered))


@functools.lru_cache(maxsize=1 << 16)
def count_routes(rules: Rules, numbers: Numbers, target: int) -> int:
    """How many canonically different routes lead to the target."""
    return len({canonical(steps) for steps in routes(rules, numbers, target)})
