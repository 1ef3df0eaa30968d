"""Arms and figures of the exact studies: a softmax table instead of a network, every figure by enumeration."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from entropy_rl.lab import verdicts
from entropy_rl.lab.runs import Run
from entropy_rl.lab.verdicts import Estimate, Figure, Results
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.losses.unclipped import UnclippedSurrogate
from entropy_rl.study import Arm, Study
from entropy_rl.tabular.experiment import Tabular

PAPER = "Cui et al. 2025, https://arxiv.org/abs/2505.22617"
ENTROPY, PASS_1, PASS_64 = "validation/entropy", "validation/pass@1", "validation/pass@64"
MODES = "tabular/modes"
FIGURES = (
    ("pass@1", verdicts.last(PASS_1)),
    ("pass@64", verdicts.last(PASS_64)),
    ("entropy, nats/token", verdicts.last(ENTROPY)),
    ("right answers in use", verdicts.last(MODES)),
)
TABLE = (
    "A table of 48 prompts x 111 states x 10 tokens, depth 3, 6 right answers of 1,000; 8 samples, 4 full-batch "
    "epochs, plain gradient descent at .5. Nothing is held out and nothing generalises; figures are exact."
)


def arm(label: str, name: str, steps: int = 400, every: int = 2, **fields: Any) -> Arm:
    return Arm(label, Tabular(name=f"tabular_{name}", steps=steps, every=every, **fields))


def grpo(steps: int = 400) -> Arm:
    """The arm that most studies share."""
    return arm("GRPO", f"grpo_{steps}", steps, every=steps // 200)


def clipped(high: float = 0.2, low: float = 0.2, **parts: Any) -> PolicyLoss:
    return PolicyLoss(surrogate=ClippedSurrogate(epsilon_low=low, epsilon_high=high), **parts)


def unclipped(**parts: Any) -> PolicyLoss:
    return PolicyLoss(surrogate=UnclippedSurrogate(), **parts)


def study(name: str, **fields: Any) -> Study:
    """With what the exact studies have in common."""
    note = f"{fields.pop('note', '')} {TABLE}".strip()
    given = {"seeds": tuple(range(5)), "figures": FIGURES, "series": (ENTROPY, PASS_1, PASS_64)} | fields
    return Study(name=f"tabular_{name}", note=note, **given)


def curve(run: Run) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Steps, entropies and rewards by enumeration."""
    return run.table(ENTROPY, PASS_1)  # type: ignore[return-value]


def matched(key: str, levels: Sequence[float]) -> Figure:
    """The mean of a metric over given levels of pass@1, each read where the run first reaches it, interpolated."""

    def figure(run: Run) -> float:
        _, scores, values = run.table(PASS_1, key)
        return float(np.mean([_crossing(scores, values, level) for level in levels]))

    return figure


def _crossing(scores: np.ndarray, values: np.ndarray, level: float) -> float:
    place = int(np.argmax(scores >= level))
    if not len(scores) or scores[place] < level:
        return math.nan
    if not place:
        return float(values[0])
    weight = (level - scores[place - 1]) / (scores[place] - scores[place - 1])
    return float(values[place - 1] + weight * (values[place] - values[place - 1]))


def pearson(first: Callable[[Run], np.ndarray], second: Callable[[Run], np.ndarray]) -> Figure:
    """Of two series of a run."""
    return lambda run: float(np.corrcoef(first(run), second(run))[0, 1])


def best(arms: Sequence[str], measure: Callable[[Results, str], Estimate | None]) -> Callable[[Results], Estimate]:
    """The largest mean among some arms, with its interval; None leaves an arm out, and no arm at all is 0."""

    def measured(results: Results) -> Estimate:
        if not all(results.of(name) for name in arms):
            return Estimate()
        found = [one for one in (measure(results, name) for name in arms) if one is not None]
        return max(found, key=lambda one: one.mean) if found else Estimate(0.0)

    return measured
