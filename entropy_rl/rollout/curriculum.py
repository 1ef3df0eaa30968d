"""Which problems are asked, and in which order, by how often the policy solved them when it was last asked."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Protocol

from entropy_rl import checks


class Curriculum(Protocol):
    """Looks at a window of the training stream and says what of it is asked. A frozen dataclass: it is its own config.

    Attributes:
      window: positions of the stream looked at together.
      memory: share of the old pass rate in the new one when a problem was asked again.
    """

    @property
    def window(self) -> int: ...
    @property
    def memory(self) -> float: ...

    def order(self, rates: Sequence[float | None], lots: Sequence[float]) -> list[int]:
        """Numbers of the problems to be asked, in their order; the others wait for the next epoch.

        Args:
          rates: the measured pass rate of each problem of the window; None if it was never asked.
          lots: a uniform number in [0, 1) for each, which depends on its position in the stream alone.
        """
        ...


@dataclasses.dataclass(frozen=True)
class Band:
    """Leaves out problems whose pass rate lies outside a band; a share of them is asked again all the same.

    Problems that were never asked are asked. Without `revisit` a problem that was once too hard would stay so.
    """

    low: float = 0.1
    high: float = 0.9
    revisit: float = 0.1
    window: int = 64
    memory: float = 0.5

    def order(self, rates: Sequence[float | None], lots: Sequence[float]) -> list[int]:
        """Those inside the band, never asked, or drawn to be asked again, in the order of the stream."""
        inside = lambda rate: rate is None or self.low <= rate <= self.high  # noqa: E731
        return [n for n, (rate, lot) in enumerate(zip(rates, lots, strict=True)) if inside(rate) or lot < self.revisit]

    def validate(self) -> None:
        """Raises ValueError for a number outside its range."""
        if not 0.0 <= self.low < self.high <= 1.0:
            raise ValueError(
                f"curriculum.low, high are {self.low}, {self.high}; they must satisfy 0 <= low < high <= 1"
            )
        if not 0.0 < self.revisit <= 1.0:
            raise ValueError(f"curriculum.revisit is {self.revisit}; a share in (0, 1] keeps problems from being lost")
        _check(self)


@dataclasses.dataclass(frozen=True)
class EasiestFirst:
    """Asks the problems of each window from the highest pass rate to the lowest; `unasked` stands for those unknown.

    With a window of a whole epoch, each epoch goes from easy to hard; a smaller one stays closer to the shuffled order.
    """

    unasked: float = 0.5
    window: int = 1024
    memory: float = 0.5

    def order(self, rates: Sequence[float | None], lots: Sequence[float]) -> list[int]:
        """All of them, easiest first; equals in the order of the stream."""
        known = [self.unasked if rate is None else rate for rate in rates]
        return sorted(range(len(known)), key=lambda n: -known[n])

    def validate(self) -> None:
        """Raises ValueError for a number outside its range."""
        if not 0.0 <= self.unasked <= 1.0:
            raise ValueError(f"curriculum.unasked is {self.unasked}; it stands for a pass rate, in [0, 1]")
        _check(self)


def _check(rule: Curriculum) -> None:
    checks.at_least("curriculum.window", rule.window, 1)
    if not 0.0 <= rule.memory < 1.0:
        raise ValueError(f"curriculum.memory is {rule.memory}; it is a share in [0, 1)")
