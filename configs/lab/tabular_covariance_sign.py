"""The covariance of log-probability and advantage stays positive until the plateau.

Run:  python -m entropy_rl.experiment --config=configs/lab/tabular_covariance_sign.py --workdir=runs/lab
"""

import numpy as np

from configs.lab import _tabular
from configs.lab._measures import mean
from configs.lab._tabular import ENTROPY
from entropy_rl.lab.runs import Run
from entropy_rl.lab.verdicts import Bar, Figure
from entropy_rl.study import Study


def positive(metric: str) -> Figure:
    """Share of the enumerated steps above 0, before the entropy is at a tenth of its first value."""

    def figure(run: Run) -> float:
        _, entropies, values = run.table(ENTROPY, metric)
        start = run.series(ENTROPY)[1][0]
        return float(np.mean(values[entropies > 0.1 * start] > 0))

    return figure


def get_study() -> Study:
    return _tabular.study(
        "covariance_sign",
        claim="The covariance is positive throughout, so the entropy keeps falling",
        source=_tabular.PAPER,
        rows=(12,),
        note="Before the plateau: entropy above a tenth of its first value.",
        bars=(
            Bar("share of steps with a positive sampled covariance", mean("GRPO", positive("covariance/mean")), 0.95),
            Bar("the same, by enumeration", mean("GRPO", positive("tabular/covariance")), decisive=False),
        ),
        arms=(_tabular.grpo(800),),
        series=("covariance/mean", "tabular/covariance", ENTROPY),
    )
