"""Surrogate x covariance x weight of right answers: do controls add up?

Run:  python -m entropy_rl.experiment --config=configs/lab/tabular_factors.py --workdir=runs/lab
"""

import itertools

import numpy as np

from configs.lab import _tabular
from entropy_rl.advantages.signed import Signed
from entropy_rl.controls.kl_cov import KlCov
from entropy_rl.lab import verdicts
from entropy_rl.lab.verdicts import Bar, Estimate, Figure, Results, estimate
from entropy_rl.losses.cispo import CispoSurrogate
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.study import Arm, Study

CELLS = tuple(itertools.product((False, True), repeat=3))  # CISPO, KL-Cov, right answers at .1
ENTROPY, PASS_1, PASS_64 = (verdicts.last(key) for key in (_tabular.ENTROPY, _tabular.PASS_1, _tabular.PASS_64))
FACTORS = ("CISPO for PPO", "KL-Cov", "right answers at .1")


def label(cell: tuple[bool, ...]) -> str:
    cispo, covariance, light = cell
    return f"{'CISPO' if cispo else 'PPO'}{', KL-Cov' if covariance else ''}, right at {'.1' if light else '1'}"


def arm(cell: tuple[bool, ...]) -> Arm:
    cispo, covariance, light = cell
    penalties = (KlCov(fraction=0.1, coefficient=1.0, max_fraction=0.3),) if covariance else ()
    loss = PolicyLoss(surrogate=CispoSurrogate() if cispo else ClippedSurrogate(), penalties=penalties)
    name = "factors_" + "".join(str(int(on)) for on in cell)
    return _tabular.arm(label(cell), name, loss=loss, advantages=Signed(0.1 if light else 1.0, 1.0))


def effect(figure: Figure, *factors: int):
    """Main effect of one factor, or interaction of several: mean over cells of the figure times the signs."""

    def measured(results: Results) -> Estimate:
        values = [results.values(label(cell), figure) for cell in CELLS]
        keys = sorted(set.intersection(*(set(one) for one in values)))
        signs = [np.prod([1 if cell[factor] else -1 for factor in factors]) for cell in CELLS]
        return estimate(sum(sign * one[key] for sign, one in zip(signs, values, strict=True)) / 4 for key in keys)

    return measured


def best_cell(results: Results) -> Estimate:
    """Mean pass@64 of the best combination of two or three minus the best single one, paired by seed."""
    several = [label(cell) for cell in CELLS if sum(cell) > 1]
    single = [label(cell) for cell in CELLS if sum(cell) == 1]
    if not all(results.of(name) for name in several + single):
        return Estimate()
    top, alone = (max(names, key=lambda name: results.mean(name, PASS_64).mean) for names in (several, single))
    return results.difference(top, alone, PASS_64)


def get_study() -> Study:
    return _tabular.study(
        "factors",
        claim="Entropy controls with different levers are compatible and could be combined",
        source="the second design note of this project; no grid is published",
        rows=(41,),
        note="400 steps; advantages +-1 (right answers at .1: W-REINFORCE); KL-Cov 10 %, coefficient 1. The best of "
        "four and of three by the figure that is then compared; the whole interval was asked for after the runs.",
        bars=(
            Bar("pass@64, best combination - best single control", best_cell, low=0.0, whole=True),
            *(Bar(f"effect on {what} of {FACTORS[factor]}", effect(figure, factor), decisive=False)
              for what, figure in (("entropy", ENTROPY), ("pass@1", PASS_1), ("pass@64", PASS_64))
              for factor in range(3)),
            *(Bar(f"interaction on entropy of {FACTORS[one]} and {FACTORS[two]}", effect(ENTROPY, one, two),
                  decisive=False) for one, two in itertools.combinations(range(3), 2)),
        ),
        arms=tuple(arm(cell) for cell in CELLS),
    )  # fmt: skip
