"""A reward for form alone."""

from __future__ import annotations

import dataclasses
import re

from entropy_rl.problem import Problem, Verdict
from entropy_rl.rewards.reward import Completion


@dataclasses.dataclass(frozen=True)
class Format:
    """1 if the whole response matches a regular expression, else 0.

    Attributes:
      pattern: must match the response in full; `.` matches line ends too. Write one that cannot backtrack for long: no
        repetition of a repetition over the same characters.
      max_characters: a longer response scores 0 unread, which bounds the time that a pattern can take.
    """

    pattern: str
    max_characters: int = 65_536

    def __call__(self, problem: Problem, completion: Completion) -> Verdict:
        del problem  # form only
        if len(completion.text) > self.max_characters:
            return Verdict(score=0.0, reason=f"longer than {self.max_characters} characters")
        if re.fullmatch(self.pattern, completion.text, re.DOTALL):
            return Verdict(score=1.0)
        return Verdict(score=0.0, reason="not in the format asked for")

    def validate(self) -> None:
        """Raises ValueError that names the field, the rule and the remedy."""
        try:
            re.compile(self.pattern)
        except re.error as error:
            raise ValueError(f"pattern={self.pattern!r} is no regular expression ({error}); correct it") from error
        if self.max_characters < 1:
            raise ValueError(f"max_characters={self.max_characters} leaves nothing to match; use at least 1")
