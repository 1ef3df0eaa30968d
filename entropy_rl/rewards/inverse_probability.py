"""Outcome rewards that do not grow with how often the outcome is sampled."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Sequence
from typing import Any

from entropy_rl.problem import Problem, Verdict
from entropy_rl.rewards.reward import ACCURACY, Completion, Reward, as_verdict, raw_accuracy


@dataclasses.dataclass(frozen=True)
class InverseProbability:
    """IPS-GRPO: divides a response's reward by how probable its outcome is.

        score_i = r_i / p(o_i),   p(o) = n_o / n over the decided responses of the group

    The expected update of an outcome is p(o) times its reward: of two right answers the likelier grows faster until
    only one is left. Divided by p(o), each outcome is paid in proportion to its reward alone.

    Source: Sinha et al. 2026, https://arxiv.org/abs/2601.21669
    Units: of the reward times at most the group's size; estimators that divide by a deviation take the scale out again.
    Entropy: over right answers it is held up; over wrong ones (reward 0) nothing changes. With a single right answer,
    or unshaped 0/1 rewards whose right responses all agree, it is GRPO up to scale.

    Attributes:
      judge: the reward r; its verdict's `answer` names the outcome. Responses without one are one outcome together.
    """

    judge: Reward

    def score_group(
        self, problem: Problem, completions: Sequence[Completion], anchors: Sequence[Completion] = ()
    ) -> list[Verdict]:
        """See GroupReward."""
        del anchors
        verdicts = [as_verdict(self.judge(problem, completion)) for completion in completions]
        decided = [verdict.answer for verdict in verdicts if not verdict.undecided]
        counts = collections.Counter(decided)
        outcomes = {verdict.answer for verdict in verdicts if not verdict.undecided and verdict.score > 0}
        return [
            verdict if verdict.undecided else _scaled(verdict, len(decided) / counts[verdict.answer], len(outcomes))
            for verdict in verdicts
        ]

    def validate(self) -> None:
        """Asks the judge."""
        check: Any = getattr(self.judge, "validate", None)
        if check is not None:
            check()


def _scaled(verdict: Verdict, factor: float, outcomes: int) -> Verdict:
    """`outcomes`: how many different answers of the group were paid, for the metrics."""
    components = {**verdict.components, ACCURACY: raw_accuracy(verdict), "paid_outcomes": float(outcomes)}
    return dataclasses.replace(verdict, score=verdict.score * factor, components=components)
