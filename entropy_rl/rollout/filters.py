"""Which groups of responses are trained on: those with something to learn from, refilled and carried over."""

from __future__ import annotations

import dataclasses
import enum
import math
from collections.abc import Sequence

from entropy_rl import checks


class Signal(enum.Enum):
    """What a group of responses to one prompt is good for."""

    KEPT = "kept"
    TOO_HARD = "too_hard"
    TOO_EASY = "too_easy"
    UNDECIDED = "undecided"  # no response of it could be judged


@dataclasses.dataclass(frozen=True)
class DynamicSampling:
    """Samples further prompts in the place of groups without signal, until the batch is full or `rounds` are over.

        kept = { groups : low < mean raw accuracy < high }

    It reads the raw accuracy, never the shaped reward: a length bonus would make a group of wrong answers look alive.
    Kept groups beyond the batch are carried over to the next step. If the rounds were not enough, the batch is filled
    up with the filtered groups that are nearest the band, and the number of them is a metric: no run ends for it.

    Source: Yu et al. 2025 (DAPO), section 3.2, https://arxiv.org/abs/2503.14476; low=0.2, high=0.8 is the band of later
    work.

    Attributes:
      low, high: bounds of the band, exclusive.
      rounds: of rollout.prompts prompts each, at most so many in a step.
    """

    low: float = 0.0
    high: float = 1.0
    rounds: int = 4

    def signal(self, accuracy: float) -> Signal:
        """Of a group with this mean raw accuracy; NaN if none of its responses could be judged."""
        if math.isnan(accuracy):
            return Signal.UNDECIDED
        if accuracy <= self.low:
            return Signal.TOO_HARD
        return Signal.TOO_EASY if accuracy >= self.high else Signal.KEPT

    def fallback(self, accuracies: Sequence[float]) -> list[int]:
        """The order in which filtered groups fill a batch: nearest the band first, the undecided last."""

        def distance(accuracy: float) -> float:
            return math.inf if math.isnan(accuracy) else max(self.low - accuracy, accuracy - self.high, 0.0)

        return sorted(range(len(accuracies)), key=lambda number: distance(accuracies[number]))

    def validate(self) -> None:
        """Raises ValueError for a number outside its range."""
        if not 0.0 <= self.low < self.high <= 1.0:
            raise ValueError(f"sampling.low, high are {self.low}, {self.high}; they must satisfy 0 <= low < high <= 1")
        checks.at_least("sampling.rounds", self.rounds, 1)
