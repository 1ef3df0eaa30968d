"""From the first 15 % of a run, where does it go? On runs that nothing about the forecaster was chosen on.

Run:  python -m entropy_rl.experiment --config=configs/lab/early_forecast.py --workdir=runs/lab
"""

import math

from configs.lab import _easy, _hard
from configs.lab._measures import mean
from entropy_rl.lab import forecast
from entropy_rl.lab.runs import Run
from entropy_rl.lab.verdicts import Bar, Figure
from entropy_rl.study import Arm, Study

OURS = "forecast"
RIVALS = ("last value", "line in H", "sigmoid in step")
ARMS = ("GRPO", "Clip-Cov")


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


def of(arm: str) -> tuple[Bar, ...]:
    return (
        Bar(f"{arm}: root mean square error of the forecast", mean(arm, error(OURS)), high=0.05),
        Bar(f"{arm}: share of the rest inside the 90 % interval", mean(arm, coverage), low=0.8),
        *(Bar(f"{arm}: error of the rival {rival} - ours", mean(arm, ahead(rival)), low=0.0) for rival in RIVALS),
        Bar(f"{arm}: error of the law alone", mean(arm, error("exp(H)")), decisive=False),
    )


def get_study() -> Study:
    return Study(
        name="early_forecast",
        claim="fitted to the first 36 of 236 steps, the law predicts the rest to 0.9 points (maths) and 1.2 (code)",
        source=_easy.PAPER,
        rows=(5,),
        note="Published with the later entropies given. Here nothing of the rest is: 240 steps of accuracy and entropy "
        "forecast 1,360 more, on the hard tier.",
        bars=(*of("GRPO"), *of("Clip-Cov")),
        arms=(Arm("GRPO", _hard.grpo(3e-4)), Arm("Clip-Cov", _hard.clip_cov(5e-3))),
        figures=(("error of the forecast", error(OURS)), ("coverage", coverage)),
        series=("reward/accuracy", "entropy/token_mean"),
    )
