"""The group's own majority as the truth, with a slower policy's votes to hold it and a filter for the too certain."""

from __future__ import annotations

import collections
import dataclasses
import math
import statistics
from collections.abc import Sequence
from typing import Any

from entropy_rl.problem import Problem, Verdict
from entropy_rl.rewards.reward import ACCURACY, Completion, Reward, as_verdict, raw_accuracy


@dataclasses.dataclass(frozen=True)
class MajorityVote:
    """Pays a response that agrees with most of the answers to its problem.

        score_i = 1 / k  if answer_i is one of the k answers with the most votes, else 0

    1 / k is what a fair draw among equal answers pays on average, so that the order of responses never matters. A
    response without an answer does not vote and scores 0.

    With `anchors`, so many responses of the reference policy vote too: with EmaReference(decay=0.99, every=1) that is
    the momentum anchor of M-GRPO, whose answers change too slowly to follow the policy into a collapse. With `iqr`,
    responses whose mean entropy is an outlier below the group's are left out of the gradient and of the baseline:

        undecided  if  H_i < Q1 - iqr * (Q3 - Q1),   quartiles of H over the group's own responses

    Source: Zuo et al. 2025 (TTRL), https://arxiv.org/abs/2504.16084; Bai et al. 2025 (M-GRPO),
    https://arxiv.org/abs/2512.13070. The paper was read in abstract: where the filter's bound lies (Tukey's, 1.5), and
    that a filtered response keeps its vote, are our choices.
    Entropy: falls as under every reward that pays agreement; the anchor and the filter slow it.

    Attributes:
      judge: gives each response its answer, and the accuracy that is kept in the components, never paid.
      anchors: N, responses of the reference policy to each problem, at the training temperature.
      iqr: how many interquartile ranges below the first quartile a response is too certain; None for no filter.
    """

    judge: Reward
    anchors: int = 0
    iqr: float | None = None

    def score_group(
        self, problem: Problem, completions: Sequence[Completion], anchors: Sequence[Completion] = ()
    ) -> list[Verdict]:
        """See GroupReward."""
        verdicts = [as_verdict(self.judge(problem, completion)) for completion in completions]
        elders = [as_verdict(self.judge(problem, completion)).answer for completion in anchors]
        votes = collections.Counter(filter(None, [*(verdict.answer for verdict in verdicts), *elders]))
        winners = [answer for answer, count in votes.items() if count == max(votes.values())]
        filtered = self._too_certain(completions)
        return [self._paid(verdict, winners, dropped) for verdict, dropped in zip(verdicts, filtered, strict=True)]

    def _paid(self, verdict: Verdict, winners: Sequence[str], dropped: bool) -> Verdict:
        agreement = 1.0 / len(winners) if verdict.answer in winners else 0.0
        components = {**verdict.components, "agreement": agreement}
        if not verdict.undecided:
            components[ACCURACY] = raw_accuracy(verdict)
        if self.iqr is not None:
            components["filtered"] = float(dropped)
        return dataclasses.replace(verdict, score=agreement, components=components, undecided=dropped)

    def _too_certain(self, completions: Sequence[Completion]) -> list[bool]:
        if self.iqr is None or len(completions) < 2:
            return [False] * len(completions)
        entropies = [completion.mean_entropy for completion in completions]
        known = [entropy for entropy in entropies if entropy is not None]
        if len(known) < len(entropies):
            raise ValueError("Completion.mean_entropy is None; MajorityVote.iqr needs what the engine measured")
        first, _, third = statistics.quantiles(known, n=4, method="inclusive")
        return [entropy < first - self.iqr * (third - first) for entropy in known]

    def validate(self) -> None:
        """Raises ValueError that names the field, the rule and the remedy."""
        if self.anchors < 0:
            raise ValueError(f"MajorityVote.anchors={self.anchors} must be at least 0; 0 lets the group vote alone")
        if self.iqr is not None and not (math.isfinite(self.iqr) and self.iqr >= 0):
            raise ValueError(f"MajorityVote.iqr={self.iqr} must be finite and at least 0; None filters nothing")
        check: Any = getattr(self.judge, "validate", None)
        if check is not None:
            check()
