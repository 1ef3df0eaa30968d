"""The task's own judgement."""

from __future__ import annotations

import dataclasses

from entropy_rl.problem import Problem, Task, Verdict
from entropy_rl.rewards.maths_equivalence import MathsEquivalence
from entropy_rl.rewards.reward import ACCURACY, Completion


@dataclasses.dataclass(frozen=True)
class TaskAccuracy:
    """Whatever the task's verifier says; its score is also kept as the component `accuracy`.

    Attributes:
      task: the judge.
      require_finished: a response that was cut off is wrong even if its text is right so far.

    A task that states `answers_are_maths` is judged by verifier.verify_answer(problem.answer, text) and nothing else:
    workers then judge by MathsEquivalence, so that no data travels. Every other task is judged in process.
    """

    task: Task
    require_finished: bool = True

    @property
    def in_process(self) -> bool:
        """Whether the task's own verifier is quick and sure to end, as those of embedded tasks are."""
        return not getattr(self.task, "answers_are_maths", False)

    @property
    def portable(self) -> MathsEquivalence:
        """What judges in workers."""
        return MathsEquivalence(self.require_finished)

    def __call__(self, problem: Problem, completion: Completion) -> Verdict:
        verdict = self.task.verify(problem, completion.text)
        if self.require_finished and not completion.finished and not verdict.undecided:
            components = {**verdict.components, ACCURACY: 0.0}
            reason = f"cut off after {completion.n_tokens} tokens without an end"
            return dataclasses.replace(verdict, score=0.0, components=components, reason=reason)
        if ACCURACY in verdict.components or verdict.undecided:
            return verdict
        return dataclasses.replace(verdict, components={**verdict.components, ACCURACY: verdict.score})
