"""Is the final answer the reference answer, number for number or letter for letter?"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from entropy_rl.problem import Problem, Verdict
from entropy_rl.rewards.reward import ACCURACY, Completion
from entropy_rl.verifier import SOURCES
from entropy_rl.verifier.verify import exact_verdict


@dataclasses.dataclass(frozen=True)
class FinalAnswer:
    """1 if the final answer is `Problem.answer` as a plain number or as a text, else 0; no algebra, no units.

    Equal numbers are equal answers (0.5 and 1/2, 1,000 and 1000), and so are equal texts up to spaces. For anything
    else see MathsEquivalence. Components: `accuracy`, and `no_answer` where no final answer was found.

    Attributes:
      sources: where a final answer may stand, see verifier.extraction.SOURCES.
    """

    sources: Sequence[str] = SOURCES

    in_process = True  # linear in the length of the text
    reads_tokens = False

    def __call__(self, problem: Problem, completion: Completion) -> Verdict:
        verdict = exact_verdict(problem.answer, completion.text, self.sources)
        return dataclasses.replace(verdict, components={ACCURACY: verdict.score, **verdict.components})

    def validate(self) -> None:
        """Raises ValueError that names the field, the rule and the remedy."""
        unknown = [source for source in self.sources if source not in SOURCES]
        if unknown or not self.sources or isinstance(self.sources, str):
            raise ValueError(f"sources={self.sources!r} must be one or more of {SOURCES}, as a tuple")
