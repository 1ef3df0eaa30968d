"""Reward is a - b exp(H), or is it a line, or a parabola?

Run:  python -m entropy_rl.experiment --config=configs/lab/tabular_law.py --workdir=runs/lab
"""

from configs.lab import _tabular
from configs.lab._measures import mean
from entropy_rl.lab import fits, rivals
from entropy_rl.lab.runs import Run
from entropy_rl.lab.verdicts import Bar, Figure
from entropy_rl.study import Study

LAW, LINE, PARABOLA = rivals.EXPONENTIAL.name, rivals.LINE.name, fits.PolynomialInEntropy(2).name


def compared(run: Run) -> rivals.Comparison:
    return rivals.compare(*_tabular.curve(run), draws=40)


def of(form: str, part: str) -> Figure:
    return lambda run: float(getattr(compared(run)[form], part))


def ahead(form: str) -> Figure:
    """AIC of the law minus that of a rival: negative where the law is the better description."""
    return lambda run: compared(run)[LAW].aic - compared(run)[form].aic


def get_study() -> Study:
    return _tabular.study(
        "law",
        claim="R = -a exp(H) + b describes the run",
        source=_tabular.PAPER,
        rows=(3,),
        bars=(
            Bar("R² of the law", mean("GRPO", of(LAW, "r2")), low=0.97),
            Bar("root mean square residual of the law", mean("GRPO", of(LAW, "rmse")), high=0.02),
            Bar("the same of a line in H", mean("GRPO", of(LINE, "rmse")), decisive=False),
            Bar("the same of a parabola in H", mean("GRPO", of(PARABOLA, "rmse")), decisive=False),
            Bar("AIC, law - line in H", mean("GRPO", ahead(LINE)), decisive=False),
            Bar("AIC, law - parabola in H", mean("GRPO", ahead(PARABOLA)), decisive=False),
        ),
        arms=(_tabular.grpo(800),),
    )
