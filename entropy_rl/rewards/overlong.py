"""A soft punishment of responses that come close to the length limit."""

from __future__ import annotations

import dataclasses
import math

from entropy_rl.problem import Problem, Verdict
from entropy_rl.rewards.reward import Completion


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
