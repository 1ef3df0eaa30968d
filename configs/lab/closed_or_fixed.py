"""A closed loop against the best fixed setting of its own actuator, both tuned on validation.

Run:  python -m entropy_rl.experiment --config=configs/lab/closed_or_fixed.py --workdir=runs/lab
"""

from configs.lab import _easy, _loops
from configs.lab._measures import PASS_1, PASS_16
from entropy_rl.controls.entropy_bonus import EntropyBonus
from entropy_rl.lab.verdicts import Bar, Estimate, Figure, Results, last
from entropy_rl.study import Arm, Study

FIXED = {f"bonus {c:g}": c for c in (0.02, 0.05, 0.1, 0.15)}
CLOSED = {f"held at {share:.0%}": share for share in (0.2, 0.35, 0.5)}
VALIDATION = last("validation/pass@16", 3)


def closed_less_fixed(figure: Figure):
    """The loop that is best on validation less the coefficient that is."""

    def measured(results: Results) -> Estimate:
        closed, fixed = (_loops.best(tuple(arms), results, VALIDATION) for arms in (CLOSED, FIXED))
        return results.difference(closed, fixed, figure)

    return measured


def get_study() -> Study:
    fixed = (
        Arm(name, _easy.with_loss(f"bonus_{c:g}", penalties=(EntropyBonus(coefficient=c),)))
        for name, c in FIXED.items()
    )
    return Study(
        name="closed_or_fixed",
        claim="A closed loop is at least as good as the best fixed coefficient of its own bonus",
        source="ours",
        rows=(39,),
        note="Both are chosen by the mean of the last three validations' pass@16, over all seeds; the test is looked "
        "at for the chosen ones. The fixed bonus has four settings to choose from, the loop three targets.",
        bars=(
            Bar("test pass@1, closed - fixed", closed_less_fixed(PASS_1), low=0.0),
            Bar("test pass@16, closed - fixed", closed_less_fixed(PASS_16), low=0.0),
        ),
        arms=(*fixed, *(Arm(name, _loops.held(share)) for name, share in CLOSED.items())),
        seeds=(0, 1, 2, 3, 4),
        series=_loops.SERIES,
    )
