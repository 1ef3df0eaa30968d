"""Settings and figures of the studies that read the ledger: every second step, at all of its states."""

from __future__ import annotations

import dataclasses

import numpy as np

from configs import countdown_grpo, countdown_lp_reg
from entropy_rl.config import Config
from entropy_rl.lab.runs import Run
from entropy_rl.lab.verdicts import Figure
from entropy_rl.phases import EvaluationConfig, Ledger

CHANGE, FIRST_ORDER = "ledger/change", "ledger/first_order"
RATES = (3e-5, 3e-4, 1e-3, 3e-3)


def grpo() -> Config:
    """240 steps of plain GRPO; the base's own answers are followed too."""
    config = countdown_grpo.get_config()
    return dataclasses.replace(config, name="countdown_ledger_grpo", ledger=Ledger(every=2, rows=0, probe=True))


def lp_reg() -> Config:
    config = countdown_lp_reg.get_config()
    return dataclasses.replace(config, name="countdown_ledger_lp_reg", ledger=Ledger(every=20, rows=0, probe=True))


def at_rate(learning_rate: float) -> Config:
    """30 steps at another learning rate."""
    config = countdown_grpo.get_config()
    return dataclasses.replace(
        config,
        name=f"countdown_ledger_rate{learning_rate:g}",
        optimizer=dataclasses.replace(config.optimizer, learning_rate=learning_rate),
        evaluation=EvaluationConfig(every=0, problems=64, test_problems=64),
        ledger=Ledger(every=1, rows=0),
        steps=30,
    )


def correlation(*names: str) -> Figure:
    """Of two metrics over the steps that have both."""
    return lambda run: float(np.corrcoef(run.table(*names)[1:])[0, 1])


def slope(of: str, on: str) -> Figure:
    """Least squares over the steps that have both."""

    def figure(run: Run) -> float:
        _, x, y = run.table(on, of)
        return float(np.polyfit(x, y, 1)[0])

    return figure


def average(name: str) -> Figure:
    """Over the steps that have it."""
    return lambda run: float(run.series(name)[1].mean())


def unaccounted(run: Run) -> float:
    """The largest difference of the parts' sum from the whole, over the sum of the parts' sizes."""
    gaps = []
    for record in run.records:
        parts = [value for name, value in record.items() if name.startswith("ledger/part/")]
        if parts:
            gaps.append(abs(sum(parts) - record[FIRST_ORDER]) / sum(map(abs, parts)))
    return max(gaps, default=float("nan"))
