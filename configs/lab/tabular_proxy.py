"""What trainers log as the covariance is a proxy: how well does it tell the change of entropy?

Run:  python -m entropy_rl.experiment --config=configs/lab/tabular_proxy.py --workdir=runs/lab
"""

from configs.lab import _tabular, tabular_lemma
from configs.lab._measures import mean
from configs.lab.tabular_lemma import LEDGER, USUAL, correlation
from entropy_rl.lab.runs import Run
from entropy_rl.lab.verdicts import Bar
from entropy_rl.study import Study

EPOCHS = "4 epochs, rate 0.5"
FALL = "tabular/true_with_drift"


def proxy(run: Run) -> float:
    """Of the sampled covariance and the fall of entropy over the same step, by enumeration."""
    return -correlation(("covariance/mean", FALL))(run)


def enumerated(run: Run) -> float:
    """The same with the expected covariance of log-probability and exact advantage."""
    return -correlation(("tabular/covariance", FALL))(run)


def ledger(run: Run) -> float:
    return correlation((LEDGER[0], FALL))(run)


def get_study() -> Study:
    return _tabular.study(
        "proxy",
        claim="The logged covariance, (A - mean A)(log pi - mean log pi) over sampled tokens, is only a proxy of the "
        "fall of entropy: correlation .3 to .7",
        source="ours; the estimator is that of the authors' code, " + _tabular.PAPER,
        rows=(11,),
        bars=(
            Bar("correlation of the sampled covariance and the fall, 4 epochs", mean(EPOCHS, proxy), 0.3, 0.7),
            Bar("the same, on-policy", mean(USUAL, proxy), 0.3, 0.7),
            Bar("the same of the expected covariance, 4 epochs", mean(EPOCHS, enumerated), decisive=False),
            Bar("the same of the ledger's first order, 4 epochs", mean(EPOCHS, ledger), decisive=False),
        ),
        arms=tuple(arm for arm in tabular_lemma.arms() if arm.name in (EPOCHS, USUAL)),
        series=("covariance/mean", FALL, "ledger/first_order"),
    )
