"""What a reward is: a function of a problem and a completion."""

from __future__ import annotations

import dataclasses
from typing import Protocol

from entropy_rl.problem import Problem, Verdict

ACCURACY = "accuracy"  # the component that holds the raw correctness, whatever shaping the score went through


@dataclasses.dataclass(frozen=True, slots=True)
class Completion:
    """One response, as rewards see it.

    Attributes:
      text: the response, special tokens removed; written by the policy, so never trusted.
      n_tokens: its length in tokens, the end of sequence included.
      finished: it ended with the end of sequence; False if it was cut off.
    """

    text: str
    n_tokens: int
    finished: bool


class Reward(Protocol):
    """Anything callable like this, a plain function too. A float stands for a verdict with this score."""

    def __call__(self, problem: Problem, completion: Completion, /) -> Verdict | float: ...


def as_verdict(value: Verdict | float) -> Verdict:
    """The verdict that a reward's return value stands for."""
    return value if isinstance(value, Verdict) else Verdict(score=float(value))


def raw_accuracy(verdict: Verdict) -> float:
    """Correctness before shaping: what group filters, accuracy metrics and `Experience.correct` must read."""
    return verdict.components.get(ACCURACY, verdict.score)
