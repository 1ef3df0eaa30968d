"""Groups that are nearly all right have the higher covariance.

Run:  python -m entropy_rl.experiment --config=configs/lab/tabular_difficulty.py --workdir=runs/lab
"""

import math
from collections.abc import Callable

import numpy as np
from scipy import stats

from configs.lab import _tabular
from configs.lab._measures import mean
from entropy_rl.lab.runs import Run
from entropy_rl.lab.verdicts import Bar, Estimate, Results
from entropy_rl.study import Study

WINDOW = 50  # steps
RIGHT = (7, 4, 1)  # of 8


def windows(run: Run) -> np.ndarray:
    """[windows, 3] mean covariance of groups with 7, 4 and 1 right answers of 8; windows that lack one are left out."""
    rows = []
    for start in range(0, int(run.records[-1]["step"]), WINDOW):
        means = []
        for right in RIGHT:
            steps, values = run.series(f"tabular/covariance_right_{right}")
            inside = values[(steps > start) & (steps <= start + WINDOW)]
            means.append(inside.mean() if len(inside) else math.nan)
        rows.append(means)
    found = np.array(rows)
    return found[np.isfinite(found).all(axis=1)]


def ordered(run: Run) -> float:
    found = windows(run)
    return float(np.mean((found[:, 0] > found[:, 1]) & (found[:, 1] > found[:, 2])))


def means(run: Run) -> np.ndarray:
    return windows(run).mean(axis=0)


def ratio(results: Results) -> Estimate:
    """Means over all seeds, one divided by the other: that of a single seed at 1/8 is too near 0 to divide by."""
    found = np.array([means(run) for run in results.of("GRPO")])
    return jackknife(found, lambda rows: float(rows.mean(axis=0)[0] / rows.mean(axis=0)[2]))


def jackknife(rows: np.ndarray, figure: Callable[[np.ndarray], float]) -> Estimate:
    """A figure of all runs together; the interval from leaving out one at a time."""
    n = len(rows)
    if n < 3:
        return Estimate(n=n)
    without = np.array([figure(np.delete(rows, place, axis=0)) for place in range(n)])
    half = float(stats.t.ppf(0.975, n - 1) * np.sqrt((n - 1) / n * np.sum((without - without.mean()) ** 2)))
    whole = figure(rows)
    return Estimate(whole, whole - half, whole + half, n)


def get_study() -> Study:
    return _tabular.study(
        "difficulty",
        claim="Groups with 7 right answers of 8 have a higher covariance than those with 4, these than those with 1",
        source=_tabular.PAPER,
        rows=(13,),
        note="Within a group: covariance of the advantage and the mean log-probability of a response.",
        bars=(
            Bar("share of windows of 50 steps in that order", mean("GRPO", ordered), low=0.8),
            Bar("covariance at 7/8 over that at 1/8", ratio, low=3.0),
        ),
        arms=(_tabular.grpo(800),),
        series=tuple(f"tabular/covariance_right_{right}" for right in RIGHT),
    )
