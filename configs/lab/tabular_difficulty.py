"""Groups that are nearly all right have the higher covariance.

Run:  python -m entropy_rl.experiment --config=configs/lab/tabular_difficulty.py --workdir=runs/lab
"""

import math

import numpy as np

from configs.lab import _tabular
from configs.lab._measures import mean
from entropy_rl.lab.runs import Run
from entropy_rl.lab.verdicts import Bar, Figure
from entropy_rl.study import Study

WINDOW = 50  # steps
RIGHT = (7, 4, 1)  # of 8
RATIO = 3.0


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


def surplus(run: Run) -> float:
    """Covariance at 7/8 less three times that at 1/8: at least 0 where their ratio is at least 3, and told where the
    second is near 0 or below it, so that there is no ratio."""
    means = windows(run).mean(axis=0)
    return float(means[0] - RATIO * means[2])


def average(place: int) -> Figure:
    return lambda run: float(windows(run).mean(axis=0)[place])


def get_study() -> Study:
    return _tabular.study(
        "difficulty",
        claim="Groups with 7 right answers of 8 have a higher covariance than those with 4, these than those with 1",
        source=_tabular.PAPER,
        rows=(13,),
        note="Within a group: covariance of the advantage and the mean log-probability of a response. The bar asked "
        "for a ratio of at least 3; at 1/8 the covariance turned out to be near 0: the same is asked as a difference.",
        bars=(
            Bar("share of windows of 50 steps in that order", mean("GRPO", ordered), low=0.8),
            Bar("covariance at 7/8 - 3 times that at 1/8", mean("GRPO", surplus), low=0.0),
            *(
                Bar(f"covariance at {right}/8", mean("GRPO", average(place)), decisive=False)
                for place, right in enumerate(RIGHT)
            ),
        ),
        arms=(_tabular.grpo(800),),
        series=tuple(f"tabular/covariance_right_{right}" for right in RIGHT),
    )
