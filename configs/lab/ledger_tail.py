"""Few tokens carry the covariance: means of its top, Countdown.

Run:  python -m entropy_rl.experiment --config=configs/lab/ledger_tail.py --workdir=runs/lab
"""

from configs.lab import _ledger
from configs.lab._easy import PAPER
from configs.lab._measures import mean
from entropy_rl.lab.runs import Run
from entropy_rl.lab.verdicts import Bar, Figure
from entropy_rl.study import Arm, Study

TOP = ("0.02", "0.2", "2", "20", "50")  # percent
ALL = "covariance/mean"


def top(percent: str) -> str:
    return f"ledger/covariance/top_{percent}"


def over_all(percent: str) -> Figure:
    """Mean of the top over the mean of all tokens, both over the run."""

    def figure(run: Run) -> float:
        _, highest, every = run.table(top(percent), ALL)
        return float(highest.mean() / every.mean())

    return figure


def get_study() -> Study:
    return Study(
        name="ledger_tail",
        claim="few tokens carry the covariance: the top 0.02 % have a mean of 5.65, the top 2 % of 1.39, all .003",
        source=PAPER,
        rows=(14,),
        note="Of the tokens of a whole rollout, at the policy that sampled them; a rollout here has some 6,000 tokens, "
        "so that the top 0.02 % are one or two of them.",
        bars=(
            Bar("mean of the top 2 % over that of all tokens", mean("GRPO", over_all("2")), low=20.0),
            Bar("mean of the top 0.02 % over that of all tokens", mean("GRPO", over_all("0.02")), decisive=False),
        ),
        arms=(Arm("GRPO", _ledger.grpo()),),
        figures=(
            *((f"mean of the top {percent} %", _ledger.average(top(percent))) for percent in TOP),
            ("mean of all", _ledger.average(ALL)),
        ),
        series=(top("2"), ALL),
    )
