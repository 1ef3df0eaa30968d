"""Which methods add up: surrogate x covariance control x weight of right answers x loop, 24 of the 36 cells.

Run:  python -m entropy_rl.experiment --config=configs/lab/combination_grid.py --workdir=runs/lab
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from configs import countdown_grpo
from configs.lab import _easy, _loops
from configs.lab._measures import PASS_1, PASS_16, TEST_ENTROPY, of_the_best
from entropy_rl.closed_loop.targets import OfInitial
from entropy_rl.config import Config
from entropy_rl.controls.clip_cov import ClipCov
from entropy_rl.controls.kl_cov import KlCov
from entropy_rl.controls.sign_weights import SignWeights
from entropy_rl.lab.verdicts import Bar, Estimate, Figure, Results, estimate, last
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
FACTORS = SURROGATES, CONTROLS, WEIGHTS, LOOPS
BASE, HELD = ("PPO", "none", "1", "open"), 0.35
FIGURES = {"test pass@1": PASS_1, "test pass@16": PASS_16, "test entropy": TEST_ENTROPY}
Cell = tuple[str, str, str, str]


CELLS = """0000 0001 0010 0100 0101 0200 0210 0211 1000 1011 1100 1101
           1110 1111 1201 1210 2000 2001 2110 2111 2200 2201 2210 2211"""  # levels of the factors, in their order
# Pairs of levels whose interaction is fitted beside the main effects; all of them can be told apart in these cells.
PAIRS = (
    ((0, "CISPO"), (1, "KL-Cov")), ((0, "clip-higher"), (1, "Clip-Cov")), ((1, "KL-Cov"), (3, "closed")),
    ((2, ".1"), (3, "closed")),
)  # fmt: skip


def cells() -> list[Cell]:
    """Every single change, and combinations such that main effects and the interactions of PAIRS can be fitted."""
    factors = [tuple(levels) for levels in FACTORS]
    return [tuple(factors[place][int(digit)] for place, digit in enumerate(word)) for word in CELLS.split()]  # type: ignore


def setting(cell: Cell) -> Config:
    """Single changes that other studies run too have their names."""
    surrogate, control, weight, loop = cell
    if cell[:3] == BASE[:3]:
        return countdown_grpo.get_config() if loop == "open" else _loops.held(HELD)
    parts = dict(CONTROLS[control])
    if weight != "1":
        parts["gates"] = (*parts.get("gates", ()), SignWeights(positive=WEIGHTS[weight]))
    name = "grid_" + "_".join(cell).replace("-", "").replace(".", "0.").lower()
    run = _easy.with_loss(name, surrogate=SURROGATES[surrogate], **parts)
    return run if loop == "open" else _loops.looped(run, run.name, OfInitial(HELD))


def label(cell: Cell) -> str:
    return ", ".join((*cell[:2], f"λ {cell[2]}", cell[3]))


def coefficient(place: int, figure: Figure) -> Callable[[Results], Estimate]:
    """Of a term of the linear model of all main effects and of PAIRS, fitted seed by seed; place as in `terms`."""

    def measured(results: Results) -> Estimate:
        found = cells()
        tables = [results.values(label(cell), figure) for cell in found]
        keys = sorted(set(tables[0]).intersection(*tables[1:]))
        rows = np.array([design(cell) for cell in found])
        return estimate(
            np.linalg.lstsq(rows, np.array([table[key] for table in tables]), rcond=None)[0][1 + place] for key in keys
        )

    return measured


def names() -> list[tuple[int, str]]:
    """Factor and level of each main effect, against the first level of the factor."""
    return [(factor, level) for factor, levels in enumerate(FACTORS) for level in tuple(levels)[1:]]


def terms() -> list[str]:
    """What the coefficients are of, without the constant."""
    mains = [f"main effect of {level if factor != 2 else 'λ = ' + level}" for factor, level in names()]
    return mains + [f"interaction of {one[1]} and {other[1]}" for one, other in PAIRS]


def design(cell: Cell) -> list[float]:
    """A row of the design matrix: constant, main effects, interactions."""
    mains = [float(cell[factor] == level) for factor, level in names()]
    both = [float(cell[one[0]] == one[1] and cell[other[0]] == other[1]) for one, other in PAIRS]
    return [1.0, *mains, *both]


def over_single(key: str, figure: Figure) -> Callable[[Results], Estimate]:
    """Test figure of the best combination less that of the best of at most one change, each best on validation."""
    changes = {label(cell): sum(x != y for x, y in zip(cell, BASE, strict=True)) for cell in cells()}
    combined, single = ([name for name, many in changes.items() if (many > 1) == several] for several in (True, False))
    return of_the_best(combined, single, last(f"validation/{key}", 3), figure)


def get_study() -> Study:
    return Study(
        name="combination_grid",
        claim="Entropy methods that act at different places are compatible and could be combined",
        source="Cui et al. 2025, https://arxiv.org/abs/2505.22617, section 6; no grid was published",
        rows=(41,),
        note="24 of 36 cells, every single change among them. One linear model of six main effects and four "
        "interactions, fitted to each seed; interactions that are not named are mixed with these. One base. 30 "
        "intervals at 95 %: one or two of them miss 0 by chance. Closed loops hold 35 % of the initial entropy with a "
        "bonus. 17 combinations against 7 settings with one change or none: the best of more is better by chance too, "
        "so each seed's are chosen on validation by the two others (added after the runs: all three had chosen).",
        bars=(
            *(Bar(f"test {key}, best combination - best single method", over_single(key, FIGURES[f"test {key}"]),
                  low=0.0, whole=True) for key in ("pass@1", "pass@16")),
            *(Bar(f"{term} on {name}", coefficient(place, figure), decisive=False)
              for name, figure in FIGURES.items() for place, term in enumerate(terms())),
        ),
        arms=tuple(Arm(label(cell), setting(cell)) for cell in cells()),
        seeds=(1, 2, 3),
        figures=_loops.FIGURES,
        series=_loops.SERIES,
    )  # fmt: skip
