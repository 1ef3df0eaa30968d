"""Which methods add up: surrogate x covariance control x weight of right answers x loop, half of the grid.

Run:  python -m entropy_rl.experiment --config=configs/lab/combination_grid.py --workdir=runs/lab
"""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from configs.lab import _easy, _loops
from configs.lab._measures import PASS_1, PASS_16, TEST_ENTROPY
from entropy_rl.closed_loop.targets import OfInitial
from entropy_rl.config import Config
from entropy_rl.controls.clip_cov import ClipCov
from entropy_rl.controls.kl_cov import KlCov
from entropy_rl.controls.sign_weights import SignWeights
from entropy_rl.lab.verdicts import Bar, Estimate, Figure, Results, estimate
from entropy_rl.losses.cispo import CispoSurrogate
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.study import Arm, Study

SURROGATES = {
    "PPO": ClippedSurrogate(0.2, 0.2),
    "clip-higher": ClippedSurrogate(0.2, 0.28),
    "CISPO": CispoSurrogate(1.0, 4.0),
}
CONTROLS = {
    "none": {},
    "Clip-Cov": {"gates": (ClipCov(fraction=1e-2),)},
    "KL-Cov": {"penalties": (KlCov(fraction=2e-2, coefficient=2.0),)},
}
WEIGHTS, LOOPS = {"1": 1.0, ".1": 0.1}, ("open", "closed")
FIGURES = {"test pass@1": PASS_1, "test pass@16": PASS_16, "test entropy": TEST_ENTROPY}
Cell = tuple[str, str, str, str]


def cells() -> list[Cell]:
    """18 of the 36: every surrogate with every control and weight, the loop closed where the sum of levels is odd.

    Each level of each factor meets each level of every other equally often, but for one cell more or less.
    """
    whole = itertools.product(enumerate(SURROGATES), enumerate(CONTROLS), enumerate(WEIGHTS))
    return [(a, b, c, LOOPS[(i + j + k) % 2]) for (i, a), (j, b), (k, c) in whole]


def setting(cell: Cell) -> Config:
    surrogate, control, weight, loop = cell
    parts = dict(CONTROLS[control])
    if weight != "1":
        parts["gates"] = (*parts.get("gates", ()), SignWeights(positive=WEIGHTS[weight]))
    name = "grid_" + "_".join(cell).replace("-", "").replace(".", "0.").lower()
    run = _easy.with_loss(name, surrogate=SURROGATES[surrogate], **parts)
    return run if loop == "open" else _loops.looped(run, run.name, OfInitial(0.35))


def label(cell: Cell) -> str:
    return ", ".join((*cell[:2], f"λ {cell[2]}", cell[3]))


def effect(factor: int, level: str, figure: Figure) -> Callable[[Results], Estimate]:
    """Of one level against the first of its factor, in a linear model of all main effects, fitted seed by seed."""

    def measured(results: Results) -> Estimate:
        found = cells()
        tables = [results.values(label(cell), figure) for cell in found]
        keys = set(tables[0]).intersection(*tables[1:])
        rows = [(1.0, *_indicators(cell)) for cell in found]
        place = 1 + _names().index((factor, level))
        fits = [
            np.linalg.lstsq(np.array(rows), np.array([t[key] for t in tables]), rcond=None)[0] for key in sorted(keys)
        ]
        return estimate(fit[place] for fit in fits)

    return measured


def interaction(one: tuple[int, str], other: tuple[int, str], figure: Figure) -> Callable[[Results], Estimate]:
    """What two levels do together beyond the sum of what each does: mean residual of the cells that have both."""

    def measured(results: Results) -> Estimate:
        found = cells()
        tables = [results.values(label(cell), figure) for cell in found]
        keys = sorted(set(tables[0]).intersection(*tables[1:]))
        design = np.array([(1.0, *_indicators(cell)) for cell in found])
        both = np.array([cell[one[0]] == one[1] and cell[other[0]] == other[1] for cell in found])
        values = [np.array([table[key] for table in tables]) for key in keys]
        residuals = [y - design @ np.linalg.lstsq(design, y, rcond=None)[0] for y in values]
        return estimate(residual[both].mean() for residual in residuals)

    return measured


def _names() -> list[tuple[int, str]]:
    """Factor and level of each indicator; the first level of each factor is what the others are held against."""
    levels = (tuple(SURROGATES), tuple(CONTROLS), tuple(WEIGHTS), LOOPS)
    return [(factor, level) for factor, names in enumerate(levels) for level in names[1:]]


def _indicators(cell: Cell) -> list[float]:
    return [float(cell[factor] == level) for factor, level in _names()]


def over_single(results: Results) -> Estimate:
    """pass@16 of the best cell of several methods less that of the best of at most one, each best on validation."""
    base = ("PPO", "none", "1", "open")
    several = {label(cell): sum(x != y for x, y in zip(cell, base, strict=True)) > 1 for cell in cells()}
    last = lambda run: float(run.series("validation/pass@16")[1][-3:].mean())  # noqa: E731
    combined = _loops.best(tuple(name for name, many in several.items() if many), results, last)
    single = _loops.best(tuple(name for name, many in several.items() if not many), results, last)
    return results.difference(combined, single, PASS_16)


def get_study() -> Study:
    pairs = [((0, "CISPO"), (1, "KL-Cov")), ((0, "clip-higher"), (1, "Clip-Cov")), ((1, "KL-Cov"), (3, "closed")),
             ((2, ".1"), (3, "closed"))]  # fmt: skip
    return Study(
        name="combination_grid",
        claim="Entropy methods that act at different places are compatible and could be combined",
        source="Cui et al. 2025, https://arxiv.org/abs/2505.22617, section 6; no grid was published",
        rows=(41,),
        note="18 of 36 cells: main effects are clear of each other, an interaction is what two levels leave over, "
        "mixed with others of higher order. Closed loops hold 35 % of the initial entropy with a bonus.",
        bars=(
            Bar("test pass@16, best combination - best single method", over_single, low=0.0),
            *(Bar(f"main effect of {level} on {name}", effect(factor, level, figure), decisive=False)
              for name, figure in FIGURES.items() for factor, level in _names()),
            *(Bar(f"interaction of {one[1]} and {other[1]} on {name}", interaction(one, other, figure), decisive=False)
              for name, figure in FIGURES.items() for one, other in pairs),
        ),
        arms=tuple(Arm(label(cell), setting(cell)) for cell in cells()),
        series=_loops.SERIES,
    )  # fmt: skip
