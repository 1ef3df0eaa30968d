"""Is there a best entropy? Six levels, two tasks, two sizes of the policy.

Run:  python -m entropy_rl.experiment --config=configs/lab/best_entropy.py --workdir=runs/lab
"""

import numpy as np

from configs import countdown_grpo, maze_grpo
from configs.lab import _loops
from configs.lab._measures import PASS_1, PASS_16
from entropy_rl.lab.verdicts import Bar, Estimate, Figure, Results
from entropy_rl.study import Arm, Study

LEVELS = (0.1, 0.2, 0.35, 0.5, 0.7, 0.9)
PLACES = tuple(f"{task}, {size}" for task in ("countdown", "maze") for size in ("plain", "wide"))


def inside(place: str, figure: Figure):
    """The best of the levels between the lowest and the highest, less the better of these two: mean over runs."""

    def measured(results: Results) -> Estimate:
        means = [results.mean(f"{place}, {level:.0%}", figure).mean for level in LEVELS]
        return Estimate(float(max(means[1:-1]) - max(means[0], means[-1]))) if np.isfinite(means).all() else Estimate()

    return measured


def spread(place: str, figure: Figure):
    """Largest distance of two places' best levels, as shares of the initial entropy: here from the first place's."""

    def level(results: Results, where: str) -> float:
        means = [results.mean(f"{where}, {one:.0%}", figure).mean for one in LEVELS]
        return LEVELS[int(np.argmax(means))] if np.isfinite(means).all() else np.nan

    def measured(results: Results) -> Estimate:
        return Estimate(abs(level(results, place) - level(results, PLACES[0])))

    return measured


def get_study() -> Study:
    tasks = {"countdown": countdown_grpo.get_config(), "maze": maze_grpo.get_config()}
    arms = []
    for place in PLACES:
        task, size = place.split(", ")
        for level in LEVELS:
            setting = _loops.held(level, tasks[task], task)
            arms.append(Arm(f"{place}, {level:.0%}", _loops.wide(setting) if size == "wide" else setting))
    return Study(
        name="best_entropy",
        claim="Whether there is a best entropy is open: none is known to hold across tasks and models",
        source="Cui et al. 2025, https://arxiv.org/abs/2505.22617, its discussion",
        note="The first bars ask whether a level in the middle beats both ends, the last whether it is the same level "
        "everywhere. 'Partly' is the answer that there is an optimum, but not one for all.",
        bars=(
            *(Bar(f"test pass@1, best level inside - best end, {place}", inside(place, PASS_1), low=0.0)
              for place in PLACES),
            *(Bar(f"test pass@16, best level inside - best end, {place}", inside(place, PASS_16), low=0.0)
              for place in PLACES),
            *(Bar(f"best level for pass@16, {place} - {PLACES[0]}", spread(place, PASS_16), high=0.15)
              for place in PLACES[1:]),
        ),
        arms=tuple(arms),
        series=_loops.SERIES,
    )  # fmt: skip
