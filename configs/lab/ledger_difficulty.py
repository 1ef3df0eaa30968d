"""Groups that are nearly all right have the higher covariance: Countdown.

Run:  python -m entropy_rl.experiment --config=configs/lab/ledger_difficulty.py --workdir=runs/lab
"""

import numpy as np

from configs.lab import _ledger
from configs.lab._easy import PAPER
from configs.lab._measures import mean
from entropy_rl.lab.runs import Run
from entropy_rl.lab.verdicts import Bar
from entropy_rl.study import Arm, Study

WINDOW = 40  # steps
NAMES = tuple(f"ledger/covariance/accuracy_{right}of8" for right in (7, 4, 1))


def windows(run: Run) -> np.ndarray:
    """[windows, 3] means of the groups with 7, 4 and 1 right answers of 8; windows that lack one are left out."""
    last = int(run.records[-1]["step"])
    series = [run.series(name) for name in NAMES]
    found = [
        [values[(steps > start) & (steps <= start + WINDOW)] for steps, values in series]
        for start in range(0, last, WINDOW)
    ]
    return np.array([[values.mean() for values in row] for row in found if all(map(len, row))])


def ordered(run: Run) -> float:
    """Share of the windows in the published order."""
    found = windows(run)
    return float(np.mean((found[:, 0] > found[:, 1]) & (found[:, 1] > found[:, 2])))


def ratio(run: Run) -> float:
    """Of the mean at 7/8 to that at 1/8, which may be below 0."""
    easy, _, hard = windows(run).mean(axis=0)
    return float(easy / hard)


def excess(run: Run) -> float:
    """Of the mean at 7/8 over three times that at 1/8."""
    easy, _, hard = windows(run).mean(axis=0)
    return float(easy - 3 * hard)


def get_study() -> Study:
    return Study(
        name="ledger_difficulty",
        claim="easy groups have the higher covariance: .0080 where 7 of 8 answers are right, .0065 at 4, .0025 at 1",
        source=PAPER,
        rows=(13,),
        note="Within a group, over its tokens; the paper takes one length-normalised log-probability a response. "
        "The ratio is the lab's bar. A first run had a covariance below 0 at 1/8, where no ratio says much, and the "
        "difference beside it was added after that: it decides nothing.",
        bars=(
            Bar("share of windows of 40 steps in that order", mean("GRPO", ordered), low=0.8),
            Bar("covariance at 7/8 over that at 1/8", mean("GRPO", ratio), low=3.0),
            Bar("covariance at 7/8 less three times that at 1/8", mean("GRPO", excess), low=0.0, decisive=False),
        ),
        arms=(Arm("GRPO", _ledger.grpo()),),
        figures=tuple((f"covariance at {name[-4]}/8", _ledger.average(name)) for name in NAMES),
        series=NAMES,
    )
