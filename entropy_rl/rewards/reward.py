"""What a reward is: a function of a problem and a completion."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from entropy_rl.problem import Problem, Verdict

ACCURACY = "accuracy"  # the component that holds the raw correctness, whatever shaping the score went through


@dataclasses.dataclass(frozen=True, slots=True)
class Completion:
    """One response, as rewards see it.

    Attributes:
      text: the response, special tokens removed; written by the policy, so never trusted.
      n_tokens: its length in tokens, the end of sequence included.
      finished: it ended with the end of sequence; False if it was cut off.
      mean_entropy: nats/token, of the policy that wrote it; None where nobody measured it, as for the next two.
      mean_logprob: nats/token, of its own tokens.
      mean_self_certainty: nats/token, divergence of the policy from the uniform one; measured if a reward requires it.
    """

    text: str
    n_tokens: int
    finished: bool
    mean_entropy: float | None = None
    mean_logprob: float | None = None
    mean_self_certainty: float | None = None


class Reward(Protocol):
    """Anything callable like this, a plain function too. A float stands for a verdict with this score."""

    def __call__(self, problem: Problem, completion: Completion, /) -> Verdict | float: ...


@runtime_checkable
class GroupReward(Protocol):
    """A reward that must see the other responses to the same prompt: it counts votes, or outcomes.

    It may state `anchors`, a number: so many responses of the reference policy are then sampled and shown beside.
    """

    def score_group(
        self, problem: Problem, completions: Sequence[Completion], anchors: Sequence[Completion] = (), /
    ) -> Sequence[Verdict | float]:
        """One verdict per completion; none for the anchors, which nobody trains on."""
        ...


def as_verdict(value: Verdict | float) -> Verdict:
    """The verdict that a reward's return value stands for."""
    return value if isinstance(value, Verdict) else Verdict(score=float(value))


def raw_accuracy(verdict: Verdict) -> float:
    """Correctness before shaping: what group filters, accuracy metrics and `Experience.correct` must read."""
    return verdict.components.get(ACCURACY, verdict.score)
