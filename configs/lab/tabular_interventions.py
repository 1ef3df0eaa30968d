"""One law for all interventions? We say no.

Run:  python -m entropy_rl.experiment --config=configs/lab/tabular_interventions.py --workdir=runs/lab
"""

from configs.lab import _tabular, tabular_algorithms, tabular_bonus, tabular_control
from configs.lab._measures import among, difference, mean
from configs.lab.tabular_algorithms import NAMES, coefficient, pooled
from entropy_rl.controls.kl_cov import KlCov
from entropy_rl.lab.verdicts import Bar, Estimate, Results
from entropy_rl.study import Arm, Study

CONTROLLED = ("bonus 0.1", "KL-Cov 10 %, coefficient 3", "held at .4")
CEILING = coefficient("ceiling")


def drop(results: Results) -> Estimate:
    """R2 of one law through the algorithms, minus that through algorithms and interventions."""
    without, together = pooled(results, NAMES), pooled(results, (*NAMES, *CONTROLLED))
    return Estimate(without.mean - together.mean, n=without.n)


def either(results: Results) -> Estimate:
    """1 if the drop is at least .05 or a ceiling differs from GRPO's beyond its interval."""
    apart = [results.difference(arm, "GRPO", CEILING, among(CONTROLLED)) for arm in CONTROLLED]
    if any(one.n < 2 for one in apart):
        return Estimate()
    return Estimate(float(drop(results).mean >= 0.05 or any(one.low > 0 or one.high < 0 for one in apart)), n=1)


def kl_cov() -> Arm:
    loss = _tabular.unclipped(penalties=(KlCov(fraction=0.1, coefficient=3.0, max_fraction=0.3),))
    return _tabular.arm(CONTROLLED[1], "kl_cov_10_3_400", loss=loss)


def get_study() -> Study:
    return _tabular.study(
        "interventions",
        claim="a and b do depend on interventions in the entropy: a controlled run has another law",
        source="ours",
        rows=(7,),
        note="400 steps, the algorithms of tabular_algorithms. Intervals are widened for looking at three ceilings, "
        "which was done after the runs.",
        bars=(
            Bar("1 if R² drops by .05 or a ceiling differs beyond its interval", either, low=1.0),
            Bar("R² through algorithms - through algorithms and interventions", drop, decisive=False),
            *(Bar(f"ceiling, {arm} - GRPO", difference(arm, "GRPO", CEILING), decisive=False) for arm in CONTROLLED),
            Bar("ceiling, GRPO", mean("GRPO", CEILING), decisive=False),
        ),
        arms=(
            *tabular_algorithms.arms(),
            tabular_bonus.bonus(0.1),
            kl_cov(),
            tabular_control.held(CONTROLLED[2], 0.4, 400),
        ),
    )
