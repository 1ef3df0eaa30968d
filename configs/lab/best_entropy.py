"""Is there a best entropy? Six levels, two tasks, two sizes of the policy, and a second base.

Run:  python -m entropy_rl.experiment --config=configs/lab/best_entropy.py --workdir=runs/lab
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from configs.lab import _loops
from configs.lab._measures import PASS_1, PASS_16, of_the_best
from entropy_rl.config import Config
from entropy_rl.lab.verdicts import Bar, Estimate, Figure, Results, last
from entropy_rl.study import Arm, Study

LEVELS = (0.1, 0.2, 0.35, 0.5, 0.7, 0.9)
SECOND = "countdown, second base"
PLACES = (_loops.PLACES[0], SECOND, *_loops.PLACES[1:])
FIGURES = {"pass@1": PASS_1, "pass@16": PASS_16}


def setting(place: str, level: float) -> Config:
    if place != SECOND:
        return _loops.at(place, level)
    run = _loops.at(_loops.PLACES[0], level)
    return dataclasses.replace(run, init=dataclasses.replace(run.init, seed=1))  # type: ignore[type-var]


def names(place: str) -> tuple[str, ...]:
    return tuple(f"{place}, {level:.0%}" for level in LEVELS)


def chosen(results: Results, place: str, key: str) -> int:
    """The level that is best on validation, by its place in LEVELS; -1 where runs are missing."""
    means = [results.mean(name, last(f"validation/{key}", 3)).mean for name in names(place)]
    return int(np.argmax(means)) if np.isfinite(means).all() else -1


def inside(place: str, key: str, figure: Figure) -> Callable[[Results], Estimate]:
    """Test figure of the best level between the ends less that of the better end, both chosen on validation."""
    every = names(place)
    return of_the_best(every[1:-1], (every[0], every[-1]), last(f"validation/{key}", 3), figure)


def apart(place: str, key: str) -> Callable[[Results], Estimate]:
    """Between the best level here and in the first place, in steps of the six levels."""

    def measured(results: Results) -> Estimate:
        here, there = chosen(results, place, key), chosen(results, PLACES[0], key)
        return Estimate() if min(here, there) < 0 else Estimate(float(abs(here - there)))

    return measured


def level(place: str, key: str) -> Callable[[Results], Estimate]:
    """The best level on validation, as a share of the initial entropy."""

    def measured(results: Results) -> Estimate:
        place_of = chosen(results, place, key)
        return Estimate() if place_of < 0 else Estimate(LEVELS[place_of])

    return measured


def get_study() -> Study:
    arms = tuple(
        Arm(name, setting(place, level)) for place in PLACES for name, level in zip(names(place), LEVELS, strict=True)
    )
    return Study(
        name="best_entropy",
        claim="There is a best entropy between little and much, and it is the same share of the initial one everywhere "
        "(the paper leaves this open)",
        source="Cui et al. 2025, https://arxiv.org/abs/2505.22617, its discussion",
        note="Levels are chosen on validation and told apart on the test, for each seed by the two others (added after "
        "the runs: a level had been chosen by all three). An optimum inside: the whole interval of the difference to "
        "the better end is above 0; ten such intervals, not widened for their number. The same everywhere: best levels "
        "are neighbours at most. Levels are held by a bonus; what sat elsewhere than it was asked to shows in its "
        "error.",
        bars=(
            *(Bar(f"test {key}, best level inside - better end, {place}", inside(place, key, figure), 0.0, whole=True)
              for key, figure in FIGURES.items() for place in PLACES),
            *(Bar(f"best level for {key}: steps from {PLACES[0]} to {place}", apart(place, key), high=1.0)
              for key in FIGURES for place in PLACES[1:]),
            *(Bar(f"best level for {key}, {place}", level(place, key), decisive=False)
              for key in FIGURES for place in PLACES),
        ),
        arms=arms,
        seeds=(1, 2, 3),
        figures=_loops.FIGURES,
        series=("controller/entropy/entropy", "validation/pass@1"),
    )  # fmt: skip
