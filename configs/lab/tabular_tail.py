"""A few tokens carry nearly all of the covariance.

Run:  python -m entropy_rl.experiment --config=configs/lab/tabular_tail.py --workdir=runs/lab
"""

from configs.lab import _tabular
from configs.lab._measures import mean
from entropy_rl.lab.runs import Run
from entropy_rl.lab.verdicts import Bar, Figure
from entropy_rl.study import Study

EARLY = 200  # steps


def average(metric: str) -> Figure:
    """Over the first 200 steps: of a rate, later steps have next to no covariance at all."""

    def figure(run: Run) -> float:
        steps, values = run.series(metric)
        return float(values[steps <= EARLY].mean())

    return figure


def times_mean(share: str) -> Figure:
    top = average(f"tabular/covariance_top_{share}")
    overall = average("covariance/mean")

    def figure(run: Run) -> float:
        return top(run) / overall(run)

    return figure


def get_study() -> Study:
    return _tabular.study(
        "tail",
        claim="The top 0.02 % of tokens have a mean covariance of 5.654, all of them 0.003",
        source=_tabular.PAPER,
        rows=(14,),
        note="1,152 tokens a step: 2 of them are the top 0.2 %.",
        bars=(
            Bar("mean of the top 2 % / mean of all tokens", mean("GRPO", times_mean("2")), low=20.0),
            Bar("mean of all tokens", mean("GRPO", average("covariance/mean")), decisive=False),
            *(
                Bar(
                    f"mean of the top {share} %",
                    mean("GRPO", average(f"tabular/covariance_top_{share}")),
                    decisive=False,
                )
                for share in ("0.2", "2", "20")
            ),
        ),
        arms=(_tabular.grpo(800),),
        series=("covariance/mean", "tabular/covariance_top_2"),
    )
