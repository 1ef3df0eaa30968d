"""Lemma 1 in a transformer: the change of entropy at visited states and its first order, at four learning rates.

Run:  python -m entropy_rl.experiment --config=configs/lab/ledger_lemma.py --workdir=runs/lab
"""

from configs.lab import _ledger
from configs.lab._easy import PAPER
from configs.lab._ledger import CHANGE, FIRST_ORDER, RATES
from configs.lab._measures import difference, mean
from entropy_rl.lab.verdicts import Bar
from entropy_rl.study import Arm, Study

SMALL, LARGE = (f"rate {rate:g}" for rate in (RATES[0], RATES[-1]))
OVER_STATES, OVER_STEPS = _ledger.average("ledger/correlation"), _ledger.correlation(FIRST_ORDER, CHANGE)
SLOPE = _ledger.slope(CHANGE, FIRST_ORDER)


def get_study() -> Study:
    return Study(
        name="ledger_lemma",
        claim="at each state, the change of entropy is -Cov(log pi, change of the logits) to first order",
        source=PAPER,
        rows=(9,),
        note="Before and after all four optimiser steps of a rollout, at all of its states, in each of 30 steps. "
        "The published figure compares curves by eye; the bars are the lab's.",
        bars=(
            Bar("correlation over the states of a step, smallest rate", mean(SMALL, OVER_STATES), low=0.95),
            Bar("correlation over steps, smallest rate", mean(SMALL, OVER_STEPS), low=0.95),
            Bar("slope over steps, smallest rate", mean(SMALL, SLOPE), low=0.95, high=1.05, decisive=False),
            Bar(
                "correlation over states, largest less smallest rate", difference(LARGE, SMALL, OVER_STATES), high=-0.01
            ),
            Bar("parts less the whole, largest share", mean(SMALL, _ledger.unaccounted), high=0.01),
        ),
        arms=tuple(Arm(f"rate {rate:g}", _ledger.at_rate(rate)) for rate in RATES),
        figures=(
            ("correlation over states", OVER_STATES),
            ("correlation over steps", OVER_STEPS),
            ("slope over steps", SLOPE),
            ("mean change of a step, nats/token", _ledger.average(CHANGE)),
            ("mean residual of a step, nats/token", _ledger.average("ledger/residual")),
        ),
        series=("ledger/correlation", CHANGE),
    )
