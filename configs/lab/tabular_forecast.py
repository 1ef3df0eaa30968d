"""From the first 15 % of a run, where does it go?

Run:  python -m entropy_rl.experiment --config=configs/lab/tabular_forecast.py --workdir=runs/lab
"""

import math

from configs.lab import _tabular
from configs.lab._measures import mean
from entropy_rl.lab import fits, forecast
from entropy_rl.lab.runs import Run
from entropy_rl.lab.verdicts import Bar, Figure
from entropy_rl.study import Study

OURS = "forecast"
LINE, SIGMOID, LAST = fits.PolynomialInEntropy(1).name, fits.SigmoidInStep().name, "last value"
LAW = fits.ExponentialInEntropy().name


def error(name: str) -> Figure:
    """Root mean square error over the rest of the run."""

    def figure(run: Run) -> float:
        found = forecast.score(run)
        return found.errors[name] if found else math.nan

    return figure


def coverage(run: Run) -> float:
    found = forecast.score(run)
    return found.coverage if found else math.nan


def ahead(rival: str) -> Figure:
    """Error of a rival minus ours."""
    return lambda run: error(rival)(run) - error(OURS)(run)


def get_study() -> Study:
    return _tabular.study(
        "forecast",
        claim="Fitted to the first 36 of 236 steps, the law predicts the rest to .9 points (maths) and 1.2 (code)",
        source=_tabular.PAPER,
        rows=(5,),
        note="Published with the later entropies given. Here nothing of the rest is: 120 steps of sampled accuracy and "
        "entropy forecast 680 more, with a 90 % interval.",
        bars=(
            Bar("root mean square error of the forecast", mean("GRPO", error(OURS)), high=0.05),
            Bar("share of the rest inside the 90 % interval", mean("GRPO", coverage), low=0.8),
            *(Bar(f"error of the rival \"{name}\" - ours", mean("GRPO", ahead(name)), low=0.0)
              for name in (LINE, SIGMOID, LAST)),
            *(Bar(f"error of \"{name}\"", mean("GRPO", error(name)), decisive=False)
              for name in (LAW, LINE, SIGMOID, LAST)),
        ),
        arms=(_tabular.grpo(800),),
        series=("reward/accuracy", "entropy/token_mean"),
    )  # fmt: skip
