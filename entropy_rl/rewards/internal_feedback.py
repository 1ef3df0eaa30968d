"""Rewards that ask nobody but the policy: how sure it was. They need no answers, and that is their flaw.

What they pay for is low entropy, so they measure what entropy alone can do: right answers rise while the policy
sharpens what it half knew, then fall when nothing but sharpness is left. Raw accuracy stays in the component
`accuracy`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from entropy_rl.problem import Problem, Verdict
from entropy_rl.rewards.reward import ACCURACY, Completion, Reward, as_verdict, raw_accuracy


@dataclasses.dataclass(frozen=True)
class NegativeEntropy:
    """Pays for certainty at every token.

        score = - mean_t H_t   [nats/token]

    Source: Zhang et al. 2025, No Free Lunch: Rethinking Internal Feedback, https://arxiv.org/abs/2506.17219
    Entropy: minimised directly; the strongest of the internal rewards, and the first to collapse.

    Attributes:
      judge: a reward whose accuracy is kept in the components, never paid.
    """

    judge: Reward

    def __call__(self, problem: Problem, completion: Completion) -> Verdict:
        entropy = _measured(completion.mean_entropy, "mean_entropy")
        return _paid(self.judge, problem, completion, -entropy, {"mean_entropy": entropy})

    def validate(self) -> None:
        """Asks the judge."""
        _validate(self.judge)


@dataclasses.dataclass(frozen=True)
class SelfCertainty:
    """Pays for distance from the uniform distribution.

        score = mean_t KL(uniform || p_t) = mean_t [ -log V - (1 / V) sum_v log p_t,v ]   [nats/token]

    Source: Kang et al. 2025, self-certainty, https://arxiv.org/abs/2502.18581; as the reward of Intuitor, Zhao et al.
    2025, https://arxiv.org/abs/2505.19590
    Entropy: falls, but slower than under `NegativeEntropy` at first: the mean over the vocabulary rewards a far tail,
    and has no upper bound.

    Attributes:
      judge: a reward whose accuracy is kept in the components, never paid.
    """

    requires: ClassVar[frozenset[str]] = frozenset({"self_certainty"})  # a pass over the rollout of its own

    judge: Reward

    def __call__(self, problem: Problem, completion: Completion) -> Verdict:
        certainty = _measured(completion.mean_self_certainty, "mean_self_certainty")
        return _paid(self.judge, problem, completion, certainty, {"self_certainty": certainty})

    def validate(self) -> None:
        """Asks the judge."""
        _validate(self.judge)


def _measured(value: float | None, name: str) -> float:
    if value is None:
        raise ValueError(f"Completion.{name} is None; internal feedback needs what the engine measured")
    return value


def _paid(
    judge: Reward, problem: Problem, completion: Completion, score: float, components: Mapping[str, float]
) -> Verdict:
    """The judge's verdict with another score; what it cannot decide is paid all the same, since no answer is needed."""
    verdict = as_verdict(judge(problem, completion))
    kept = {**verdict.components, **components}
    if not verdict.undecided:
        kept[ACCURACY] = raw_accuracy(verdict)
    return dataclasses.replace(verdict, score=score, components=kept, undecided=False)


def _validate(judge: Any) -> None:
    check: Callable[[], None] | None = getattr(judge, "validate", None)  # plain functions have none
    if check is not None:
        check()
