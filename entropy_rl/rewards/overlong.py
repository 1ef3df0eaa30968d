"""Responses that come close to the length limit are punished; those that were cut off can be left out."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from entropy_rl.problem import Problem, Verdict
from entropy_rl.rewards.reward import Completion, Reward, as_verdict, in_process


@dataclasses.dataclass(frozen=True)
class OverlongPenalty:
    """Falls from 0 to -factor over the last tokens before the limit.

        score = -factor * clip((n - (limit - buffer)) / buffer, 0, 1),   n = tokens of the response

    Source: Yu et al. 2025, DAPO, section 3.4, https://arxiv.org/abs/2503.14476. Unlike public code it has a floor, so
    that a limit below the engine's cannot make the punishment unbounded.

    Attributes:
      max_tokens: the limit, in tokens.
      buffer_tokens: how many tokens before the limit the punishment begins.
      factor: the punishment at and beyond the limit; in units of reward, at least 0.
    """

    max_tokens: int
    buffer_tokens: int
    factor: float = 1.0

    in_process = True  # no annotation: of the class, not a field

    def __call__(self, problem: Problem, completion: Completion) -> Verdict:
        del problem  # length only
        excess = completion.n_tokens - (self.max_tokens - self.buffer_tokens)
        if excess <= 0:
            return Verdict(score=0.0)
        score = -self.factor * min(excess / self.buffer_tokens, 1.0)
        return Verdict(score=score, reason=f"{excess} tokens into the last {self.buffer_tokens}")

    def validate(self) -> None:
        """Raises ValueError that names the field, the rule and the remedy."""
        if not 1 <= self.buffer_tokens <= self.max_tokens:
            raise ValueError(
                f"buffer_tokens={self.buffer_tokens} must be in 1..max_tokens={self.max_tokens}; "
                "drop the reward to have no punishment"
            )
        if not (math.isfinite(self.factor) and self.factor >= 0):
            raise ValueError(f"factor={self.factor} must be finite and at least 0; it is subtracted already")


@dataclasses.dataclass(frozen=True)
class OverlongFilter:
    """Leaves a response that was cut off out of the gradient and of its group's baseline: nobody knows its worth.

    Source: Yu et al. 2025, DAPO, section 3.4 (overlong filtering), https://arxiv.org/abs/2503.14476

    Components: `overlong`, 1 where a response was left out, else 0.

    Attributes:
      judge: the reward of the responses that ended.
    """

    judge: Reward

    @property
    def in_process(self) -> bool:
        """As the judge."""
        return in_process(self.judge)

    def __call__(self, problem: Problem, completion: Completion) -> Verdict:
        if not completion.finished:
            reason = f"cut off after {completion.n_tokens} tokens"
            return Verdict(score=0.0, components={"overlong": 1.0}, reason=reason, undecided=True)
        verdict = as_verdict(self.judge(problem, completion))
        return dataclasses.replace(verdict, components={**verdict.components, "overlong": 0.0})

    def validate(self) -> None:
        """Asks the judge."""
        check: Any = getattr(self.judge, "validate", None)
        if check is not None:
            check()
