"""Several rewards as one, with nothing lost."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from entropy_rl.problem import Problem, Verdict
from entropy_rl.rewards.reward import ACCURACY, Completion, GroupReward, Reward, as_verdict


@dataclasses.dataclass(frozen=True)
class Term:
    """One summand: its name in the components, its weight and the reward."""

    name: str
    weight: float
    reward: Reward


@dataclasses.dataclass(frozen=True)
class WeightedSum:
    """The weighted sum of several rewards; each unweighted score stays visible.

        score = sum_i weight_i * score_i

    Components: `name` holds the unweighted score of a term and `name/part` each part of it. `accuracy` alone passes
    through under its own name, from the first term that reports it, so that shaping never hides it. If any term is
    undecided, so is the sum.
    """

    terms: tuple[Term, ...]

    def __call__(self, problem: Problem, completion: Completion) -> Verdict:
        verdicts = [as_verdict(term.reward(problem, completion)) for term in self.terms]
        if any(verdict.undecided for verdict in verdicts):
            reasons = [verdict.reason for verdict in verdicts if verdict.undecided]
            return Verdict(score=0.0, reason="; ".join(filter(None, reasons)), undecided=True)
        return Verdict(
            score=math.fsum(term.weight * verdict.score for term, verdict in zip(self.terms, verdicts, strict=True)),
            components=self._components(verdicts),
            reason="; ".join(verdict.reason for verdict in verdicts if verdict.reason),
            answer=next((verdict.answer for verdict in verdicts if verdict.answer), ""),
        )

    def _components(self, verdicts: list[Verdict]) -> dict[str, float]:
        components: dict[str, float] = {}
        for term, verdict in zip(self.terms, verdicts, strict=True):
            for part, value in verdict.components.items():
                components.setdefault(part if part == ACCURACY else f"{term.name}/{part}", value)
            components.setdefault(term.name, verdict.score)
        return components

    def validate(self) -> None:
        """Raises ValueError that names the field, the rule and the remedy; asks each term too."""
        names = [term.name for term in self.terms]
        if not names or len(set(names)) < len(names) or "" in names:
            raise ValueError(f"terms are named {names}; give at least one term, each with a name of its own")
        for term in self.terms:
            if not math.isfinite(term.weight):
                raise ValueError(
                    f"weight={term.weight} of term {term.name!r} must be finite; use 0 to log without paying"
                )
            if isinstance(term.reward, GroupReward):
                raise ValueError(
                    f"term {term.name!r} is {type(term.reward).__name__}, which judges whole groups and cannot be a "
                    "summand; make it the reward, with the sum inside it as its judge"
                )
            validate: Any = getattr(term.reward, "validate", None)  # plain functions have none
            if validate is not None:
                validate()
