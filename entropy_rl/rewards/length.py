"""A reward for how long a response is."""

from __future__ import annotations

import dataclasses

from entropy_rl.problem import Problem, Verdict
from entropy_rl.rewards.reward import Completion


@dataclasses.dataclass(frozen=True)
class Length:
    """1 from `least` to `most` tokens, falling to 0 over `slope` tokens on either side.

        score = clip(1 - distance / slope, 0, 1),   distance = tokens outside least..most

    Attributes:
      least, most: tokens of the response, the end of sequence included.
      slope: tokens over which it falls; 1 for a sharp bound.
    """

    least: int
    most: int
    slope: int = 1

    in_process = True

    def __call__(self, problem: Problem, completion: Completion) -> Verdict:
        del problem  # length only
        distance = max(self.least - completion.n_tokens, completion.n_tokens - self.most, 0)
        reason = f"{completion.n_tokens} tokens, not {self.least} to {self.most}" if distance else ""
        return Verdict(score=max(1.0 - distance / self.slope, 0.0), reason=reason)

    def validate(self) -> None:
        """Raises ValueError that names the field, the rule and the remedy."""
        if not 0 <= self.least <= self.most:
            raise ValueError(f"least={self.least} and most={self.most} must be 0 <= least <= most; swap or widen them")
        if self.slope < 1:
            raise ValueError(f"slope={self.slope} must be at least 1 token; 1 is a sharp bound")
