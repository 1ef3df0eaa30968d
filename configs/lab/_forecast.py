"""Figures of forecasts that two studies read."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from entropy_rl.lab import forecast
from entropy_rl.lab.runs import Run
from entropy_rl.lab.verdicts import Bar, Estimate, Figure, Results, estimate

_SCORES: dict[tuple[str, int], forecast.Score | None] = {}  # a study reads each of them a dozen times
RIVALS = ("last value", "line in H", "exp(H)", "sigmoid in step")


def scored(run: Run) -> forecast.Score | None:
    key = run.path, len(run.records)
    if key not in _SCORES:
        _SCORES[key] = forecast.score(run)
    return _SCORES[key]


def error(name: str) -> Figure:
    """Root mean square error of a forecast, or of a rival, over what follows the first 15 % of a run."""

    def figure(run: Run) -> float:
        found = scored(run)
        return found.errors[name] if found else float("nan")

    return figure


def part(name: str) -> Figure:
    """Another number of the score, such as "coverage"."""

    def figure(run: Run) -> float:
        found = scored(run)
        return float(getattr(found, name)) if found else float("nan")

    return figure


def over(arms: Sequence[str], figure: Figure) -> Callable[[Results], Estimate]:
    """The mean over seeds; of each, that of some arms, since arms of one seed share base and prompts.

    Nothing while one of the arms has no run.
    """

    def measured(results: Results) -> Estimate:
        found = [results.values(arm, figure) for arm in arms]
        keys = set.intersection(*(set(values) for values in found))
        return estimate(float(np.mean([values[key] for values in found])) for key in sorted(keys))

    return measured


def lead(rival: str) -> Figure:
    """How much larger a rival's error is."""
    return lambda run: error(rival)(run) - error("forecast")(run)


def bars(arms: Sequence[str]) -> tuple[Bar, ...]:
    """Those of the lab's row, and what the two halves of the forecast do by themselves."""
    return (
        Bar("root mean square error of the forecast, reward", over(arms, error("forecast")), high=0.05),
        Bar("share of the later steps inside the 90 % interval", over(arms, part("coverage")), low=0.8),
        *(Bar(f"error of the rival '{name}' - ours", over(arms, lead(name)), low=0.0, whole=True) for name in RIVALS),
        Bar("error of 'exponential in step' - ours", over(arms, lead("exponential in step")), decisive=False),
        Bar("error of our curves in steps alone - ours", over(arms, lead("in steps alone")), decisive=False),
        Bar("error of our curves in H alone - ours", over(arms, lead("through H alone")), decisive=False),
        Bar("width of the interval", over(arms, part("width")), decisive=False),
        Bar("forecast - truth at the last step", over(arms, part("final_error")), decisive=False),
        Bar("what the run gained after the forecast", over(arms, part("gained")), decisive=False),
    )


FIGURES = (
    ("error", error("forecast")),
    ("inside the interval", part("coverage")),
    *((name, error(name)) for name in (*RIVALS, "in steps alone", "through H alone")),
)
