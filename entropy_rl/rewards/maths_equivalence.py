"""Is the final answer equal to the reference answer?"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from entropy_rl.problem import Problem, Verdict
from entropy_rl.rewards.reward import ACCURACY, Completion
from entropy_rl.verifier import SOURCES, verify_answer
from entropy_rl.verifier.verify import quick_verdict


@dataclasses.dataclass(frozen=True)
class MathsEquivalence:
    """1 if the final answer equals `Problem.answer` as mathematics, else 0; see verifier.verify_answer for the rules.

    Components: `accuracy`, and `no_answer`, `unparsable`, `too_large`, which say why an answer was not compared.

    Attributes:
      require_finished: a response that was cut off is wrong even if its text is right so far.
      sources: where a final answer may stand, see verifier.extraction.SOURCES; ("box",) takes boxes alone.
      rounding: a decimal reference also stands for what rounds to it.
    """

    require_finished: bool = True
    sources: Sequence[str] = SOURCES
    rounding: bool = True

    reads_tokens = False  # no annotation: of the class, not a field

    def __call__(self, problem: Problem, completion: Completion) -> Verdict:
        verdict = verify_answer(problem.answer, completion.text, sources=self.sources, rounding=self.rounding)
        return self._finished(verdict, completion)

    def quick(self, problem: Problem, completion: Completion) -> Verdict | None:
        """The verdict if it takes no more than comparing two plain numbers: nothing that needs a worker."""
        verdict = quick_verdict(problem.answer, completion.text, self.sources)
        return None if verdict is None else self._finished(verdict, completion)

    def _finished(self, verdict: Verdict, completion: Completion) -> Verdict:
        if completion.finished or not self.require_finished or verdict.undecided:
            return verdict
        components = {**verdict.components, ACCURACY: 0.0}
        reason = f"cut off after {completion.n_tokens} tokens without an end"
        return dataclasses.replace(verdict, score=0.0, components=components, reason=reason)

    @staticmethod
    def warm() -> None:
        """Imports and fills what the first comparison would wait for; workers call it before any clock runs."""
        verify_answer("x^2+1", "\\boxed{1+xx}")
        verify_answer("\\sqrt{2}", "\\boxed{2^{1/2}}")

    def validate(self) -> None:
        """Raises ValueError that names the field, the rule and the remedy."""
        unknown = [source for source in self.sources if source not in SOURCES]
        if unknown or not self.sources or isinstance(self.sources, str):
            raise ValueError(f"sources={self.sources!r} must be one or more of {SOURCES}, as a tuple")
