"""Theorems 1 and 2: what exact steps of vanilla and natural policy gradient do to entropy.

Run:  python -m entropy_rl.experiment --config=configs/lab/tabular_theorems.py --workdir=runs/lab
"""

from configs.lab import _tabular
from configs.lab._measures import mean
from configs.lab.tabular_lemma import correlation, slope
from entropy_rl.lab.verdicts import Bar, Estimate, Results
from entropy_rl.study import Arm, Study
from entropy_rl.tabular.exact_gradient import ExactGradient

EXACT = "tabular/predicted", "tabular/true"
RATES = {"vanilla": (0.01, 1.0, 30.0), "natural": (0.01, 0.3, 3.0)}


def label(kind: str, rate: float) -> str:
    return f"{kind}, rate {rate:g}"


def furthest(kind: str):
    """|slope - 1| at the largest rate minus that at the smallest, paired."""

    def measured(results: Results) -> Estimate:
        off = lambda run: abs(slope(EXACT)(run) - 1.0)  # noqa: E731
        return results.difference(label(kind, RATES[kind][-1]), label(kind, RATES[kind][0]), off)

    return measured


def get_study() -> Study:
    smallest = {kind: label(kind, rates[0]) for kind, rates in RATES.items()}
    return _tabular.study(
        "theorems",
        claim="A step of vanilla policy gradient changes entropy by -rate Cov(log pi, pi A), one of natural policy "
        "gradient by -rate Cov(log pi, A)",
        source=f"Theorems 1 and 2 of {_tabular.PAPER}",
        rows=(10,),
        note="Expected gradients, no sampling; 200 steps from the same start, at fixed states.",
        bars=(
            *(Bar(f"correlation, {arm}", mean(arm, correlation(EXACT)), low=0.98) for arm in smallest.values()),
            *(Bar(f"slope, {arm}", mean(arm, slope(EXACT)), low=0.98, high=1.02) for arm in smallest.values()),
            *(Bar(f"|slope - 1| at the largest - at the smallest rate, {kind}", furthest(kind), low=0.0)
              for kind in RATES),
            *(Bar(f"{what}, {label(kind, rate)}", mean(label(kind, rate), figure(EXACT)), decisive=False)
              for kind, rates in RATES.items() for rate in rates[1:]
              for what, figure in (("correlation", correlation), ("slope", slope))),
        ),
        arms=tuple(
            Arm(label(kind, rate), ExactGradient(f"tabular_{kind}_{rate:g}", kind == "natural", rate))
            for kind, rates in RATES.items() for rate in rates
        ),
        series=("tabular/predicted", "tabular/true", _tabular.ENTROPY),
    )  # fmt: skip
