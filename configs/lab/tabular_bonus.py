"""The entropy bonus: too little does nothing, too much explodes; how wide is what lies between?

Run:  python -m entropy_rl.experiment --config=configs/lab/tabular_bonus.py --workdir=runs/lab
"""

import math

from configs.lab import _tabular
from configs.lab._measures import mean, ratio
from entropy_rl.controls.entropy_bonus import EntropyBonus
from entropy_rl.lab import verdicts
from entropy_rl.lab.verdicts import Bar, Estimate, Results
from entropy_rl.study import Arm, Study

COEFFICIENTS = (1e-4, 1e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0)
PASS_1, ENTROPY = verdicts.last(_tabular.PASS_1), verdicts.last(_tabular.ENTROPY)
LEFT = verdicts.over(ENTROPY, verdicts.first(_tabular.ENTROPY))


def label(coefficient: float) -> str:
    return f"bonus {coefficient:g}"


def bonus(coefficient: float, steps: int = 400) -> Arm:
    loss = _tabular.clipped(penalties=(EntropyBonus(coefficient=coefficient),))
    return _tabular.arm(label(coefficient), f"bonus_{coefficient:g}_{steps}", steps, steps // 200, loss=loss)


def useful(results: Results) -> Estimate:
    """Decades from the smallest to the largest coefficient with 1.5 times GRPO's entropy and 2 points less at most."""
    if not all(results.of(label(coefficient)) for coefficient in COEFFICIENTS):
        return Estimate()
    within = [
        coefficient
        for coefficient in COEFFICIENTS
        if results.ratio(label(coefficient), "GRPO", ENTROPY).mean >= 1.5
        and results.difference(label(coefficient), "GRPO", PASS_1).mean >= -0.02
    ]
    return Estimate(math.log10(max(within) / min(within)), n=len(within)) if within else Estimate(0.0)


def get_study() -> Study:
    return _tabular.study(
        "bonus",
        claim="An entropy bonus of 1e-4 or 1e-3 does nothing and one of 1e-2 explodes: it stands on a knife's edge",
        source=_tabular.PAPER,
        rows=(23,),
        note="Useful: at least 1.5 times GRPO's entropy and at most 2 points of pass@1 less, after 400 steps.",
        bars=(
            Bar("entropy, bonus .001 / GRPO", ratio(label(1e-3), "GRPO", ENTROPY), low=0.9, high=1.1),
            Bar("decades of useful coefficients", useful, high=1.0),
            Bar("entropy left of the start, bonus 1", mean(label(1.0), LEFT), low=0.8),
            *(Bar(f"entropy, {label(one)} / GRPO", ratio(label(one), "GRPO", ENTROPY), decisive=False)
              for one in COEFFICIENTS),
        ),
        arms=(_tabular.grpo(), *(bonus(one) for one in COEFFICIENTS)),
    )  # fmt: skip
