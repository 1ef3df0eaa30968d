"""Lemma 1: the change of entropy at a state is minus the covariance of log-probability and change of logit.

Run:  python -m entropy_rl.experiment --config=configs/lab/tabular_lemma.py --workdir=runs/lab
"""

import numpy as np

from configs.lab import _tabular
from configs.lab._measures import difference, mean
from entropy_rl.lab import verdicts
from entropy_rl.lab.runs import Run
from entropy_rl.lab.verdicts import Bar, Estimate, Figure, Results
from entropy_rl.study import Arm, Study

RATES = (0.005, 0.05, 0.5, 5.0)
USUAL = "on-policy, rate 0.5"
VISITED = "tabular/predicted_visited", "tabular/true_visited"
WITHOUT_DRIFT = "tabular/predicted", "tabular/true_with_drift"
LEDGER = "ledger/first_order", "ledger/change"


def pair(run: Run, names: tuple[str, str]) -> tuple[np.ndarray, np.ndarray]:
    """Predicted and true changes of a run's steps."""
    _, predicted, true = run.table(*names)
    return predicted, true


def correlation(names: tuple[str, str] = VISITED) -> Figure:
    return lambda run: float(np.corrcoef(*pair(run, names))[0, 1])


def slope(names: tuple[str, str] = VISITED) -> Figure:
    """Of the true change on the predicted one, least squares."""
    return lambda run: float(np.polyfit(*pair(run, names), 1)[0])


def slope_with_drift(run: Run) -> float:
    """Of the whole change of entropy on Lemma 1 and drift together."""
    _, fixed, drift, true = run.table("tabular/predicted", "tabular/predicted_drift", "tabular/true_with_drift")
    return float(np.polyfit(fixed + drift, true, 1)[0])


def worst_slope(results: Results) -> Estimate:
    """Of the seeds at the usual rate, the slope that is furthest from 1."""
    found = list(results.values(USUAL, slope()).values())
    return Estimate(max(found, key=lambda value: abs(value - 1)), n=len(found)) if found else Estimate()


def arms() -> tuple[Arm, ...]:
    rated = [
        _tabular.arm(f"on-policy, rate {rate:g}", f"lemma_{rate:g}", 200, 1, epochs=1, learning_rate=rate)
        for rate in RATES
    ]
    return (*rated, _tabular.arm("4 epochs, rate 0.5", "lemma_4_epochs", 200, 1))


def get_study() -> Study:
    return _tabular.study(
        "lemma",
        claim="dH(s) = -Cov(log pi, dz) to first order",
        source=f"Lemma 1 of {_tabular.PAPER}",
        rows=(9,),
        note="Per step, at the visited states, each as often as visited; slope of the true change on the predicted. "
        "The entropy of a run also moves as the policy visits other states, which the lemma leaves out: told below.",
        bars=(
            Bar("correlation of predicted and true change, rate .5", mean(USUAL, correlation()), low=0.99),
            Bar("slope, rate .5", mean(USUAL, slope()), low=0.95, high=1.05),
            Bar("correlation by the ledger of runs, rate .5", mean(USUAL, correlation(LEDGER)), low=0.99),
            Bar("slope by the ledger of runs, rate .5", mean(USUAL, slope(LEDGER)), low=0.95, high=1.05),
            Bar("correlation, rate .005 - rate 5",
                difference("on-policy, rate 0.005", "on-policy, rate 5", correlation()), low=0.0, whole=True),
            Bar("worst slope of a seed, rate .5", worst_slope, decisive=False),
            *(Bar(f"{what}, {each.name}", mean(each.name, figure), decisive=False) for each in arms()
              for what, figure in (("correlation", correlation()), ("slope", slope()))),
            Bar("slope of the run's whole change of entropy on Lemma 1", mean(USUAL, slope(WITHOUT_DRIFT)),
                decisive=False),
            Bar("the same on Lemma 1 and the drift of states", mean(USUAL, slope_with_drift), decisive=False),
        ),
        arms=arms(),
        figures=(*_tabular.FIGURES[:3:2], ("correlation", correlation()), ("slope", slope()),
                 ("last change, nats", verdicts.last("tabular/true_visited"))),
        series=("tabular/predicted_visited", "tabular/true_visited"),
    )  # fmt: skip
