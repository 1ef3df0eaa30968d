"""The task's own judgement."""

from __future__ import annotations

import dataclasses

from entropy_rl.problem import Problem, Task, Verdict
from entropy_rl.rewards.reward import ACCURACY, Completion


@dataclasses.dataclass(frozen=True)
class TaskAccuracy:
    """Whatever the task's verifier says; its score is also kept as the component `accuracy`.

    Attributes:
      task: the judge.
      require_finished: a response that was cut off is wrong even if its text is right so far.
    """

    task: Task
    require_finished: bool = True

    def __call__(self, problem: Problem, completion: Completion) -> Verdict:
        verdict = self.task.verify(problem, completion.text)
        if self.require_finished and not completion.finished and not verdict.undecided:
            components = {**verdict.components, ACCURACY: 0.0}
            reason = f"cut off after {completion.n_tokens} tokens without an end"
            return dataclasses.replace(verdict, score=0.0, components=components, reason=reason)
        if ACCURACY in verdict.components or verdict.undecided:
            return verdict
        return dataclasses.replace(verdict, components={**verdict.components, ACCURACY: verdict.score})
