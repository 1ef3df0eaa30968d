"""How much entropy KL-Cov keeps, and what it pays.

Run:  python -m entropy_rl.experiment --config=configs/lab/tabular_kl_cov.py --workdir=runs/lab
"""

from configs.lab import _tabular
from configs.lab._measures import ratio
from entropy_rl.controls.kl_cov import KlCov
from entropy_rl.lab import verdicts
from entropy_rl.lab.verdicts import Bar, Estimate, Results
from entropy_rl.ops.schedules import Linear
from entropy_rl.study import Arm, Study

GRID = tuple((percent, coefficient) for percent in (0.2, 2, 10) for coefficient in (0.3, 1.0, 3.0)) + ((30, 3.0),)
PASS_1, ENTROPY = verdicts.last(_tabular.PASS_1), verdicts.last(_tabular.ENTROPY)
STEPS = 800


def label(percent: float, coefficient: float) -> str:
    return f"{percent:g} %, coefficient {coefficient:g}"


def kl_cov(percent: float, coefficient: float) -> Arm:
    penalty = KlCov(fraction=percent / 100, coefficient=coefficient, max_fraction=0.3)
    loss = _tabular.unclipped(penalties=(penalty,))
    return _tabular.arm(label(percent, coefficient), f"kl_cov_{percent:g}_{coefficient:g}", STEPS, 4, loss=loss)


def annealed() -> Arm:
    penalty = KlCov(fraction=0.3, coefficient=Linear(3.0, 0.0, 4 * STEPS), max_fraction=0.3)
    loss = _tabular.unclipped(penalties=(penalty,))
    return _tabular.arm("30 %, coefficient 3 to 0", "kl_cov_30_annealed", STEPS, 4, loss=loss)


def kept(results: Results, arm: str) -> Estimate:
    return results.ratio(arm, "GRPO", ENTROPY)


def kept_for_nothing(results: Results, arm: str) -> Estimate | None:
    """The same where pass@1 is within 2 points of GRPO's."""
    return kept(results, arm) if results.difference(arm, "GRPO", PASS_1).mean >= -0.02 else None


def get_study() -> Study:
    names = [label(*setting) for setting in GRID]
    return _tabular.study(
        "kl_cov",
        claim="At GRPO's plateau KL-Cov keeps ten times its entropy, with a higher accuracy",
        source=_tabular.PAPER,
        rows=(15,),
        note="800 steps: GRPO is at its plateau.",
        bars=(
            Bar("entropy, best setting / GRPO", _tabular.best(names, kept), low=4.0),
            Bar("entropy, best setting within 2 points of pass@1 / GRPO", _tabular.best(names, kept_for_nothing), 10.0),
            *(Bar(f"entropy, {name} / GRPO", ratio(name, "GRPO", ENTROPY), decisive=False) for name in names),
            Bar("entropy, annealed / GRPO", ratio("30 %, coefficient 3 to 0", "GRPO", ENTROPY), decisive=False),
        ),
        arms=(_tabular.grpo(STEPS), *(kl_cov(*setting) for setting in GRID), annealed()),
    )
