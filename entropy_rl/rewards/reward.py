"""What a reward is: a function of a problem and a completion."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

from entropy_rl.problem import Problem, Verdict

FAILED = "failed"  # the component that counts exceptions; its mean over a batch is their share
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
      tokens: token ids of the response, the end of sequence included; () where nobody kept them.
    """

    text: str
    n_tokens: int
    finished: bool
    mean_entropy: float | None = None
    mean_logprob: float | None = None
    mean_self_certainty: float | None = None
    tokens: tuple[int, ...] = ()

    @property
    def finish_reason(self) -> str:
        """Why it ended: "stop" at the end of sequence, "length" where it was cut off."""
        return "stop" if self.finished else "length"


Judgement = Verdict | float | bool | None  # what a reward may return; None abstains


class Reward(Protocol):
    """Anything callable like this, a plain function too. A number stands for a verdict with this score.

    It may state `in_process` (True: quick and sure to end, so that no worker is needed) and `reads_tokens`.
    """

    def __call__(self, problem: Problem, completion: Completion, /) -> Judgement: ...


@runtime_checkable
class GroupReward(Protocol):
    """A reward that must see the other responses to the same prompt: it counts votes, or outcomes.

    It may state `anchors`, a number: so many responses of the reference policy are then sampled and shown beside.
    """

    def score_group(
        self, problem: Problem, completions: Sequence[Completion], anchors: Sequence[Completion] = (), /
    ) -> Sequence[Judgement]:
        """One verdict per completion; none for the anchors, which nobody trains on."""
        ...


@dataclasses.dataclass(frozen=True)
class OfGroup:
    """A plain function of a problem and its G completions as a reward; works as a decorator.

    Attributes:
      function: returns G verdicts, numbers or Nones, in order.
    """

    function: Callable[[Problem, Sequence[Completion]], Sequence[Judgement]]

    def score_group(
        self, problem: Problem, completions: Sequence[Completion], anchors: Sequence[Completion] = ()
    ) -> Sequence[Judgement]:
        """See GroupReward."""
        del anchors
        return self.function(problem, completions)


def as_verdict(value: Judgement) -> Verdict:
    """The verdict that a reward's return value stands for; None is an undecided one."""
    if value is None:
        return Verdict(score=0.0, reason="the reward abstains", undecided=True)
    return value if isinstance(value, Verdict) else Verdict(score=float(value))


def judged(
    reward: Any,
    problem: Problem,
    completions: Sequence[Completion],
    anchors: Sequence[Completion] = (),
    *,
    is_group: bool = False,
) -> list[Verdict]:
    """Calls a reward once: for one completion, or for a whole group.

    Raises:
      ValueError: if it does not give one finite score per completion.
      Exception: whatever the reward raises.
    """
    values = reward.score_group(problem, completions, anchors) if is_group else [reward(problem, completions[0])]
    verdicts = [as_verdict(value) for value in values]
    if len(verdicts) != len(completions):
        raise ValueError(f"{len(verdicts)} verdicts for {len(completions)} completions; a reward must judge each")
    for verdict in verdicts:
        if not math.isfinite(verdict.score):
            raise ValueError(f"score {verdict.score} is not finite; a reward must return a finite number")
    return verdicts


def in_process(reward: Any) -> bool:
    """Whether a reward says of itself, or of all that it is made of, that it needs no worker."""
    stated = getattr(reward, "in_process", None)
    if stated is not None:
        return bool(stated)
    parts = [term.reward for term in getattr(reward, "terms", ())] or [getattr(reward, "judge", None)]
    return None not in parts and all(map(in_process, parts))


def raw_accuracy(verdict: Verdict) -> float:
    """Correctness before shaping: what group filters and curricula read."""
    return verdict.components.get(ACCURACY, verdict.score)
