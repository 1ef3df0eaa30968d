"""Most of the entropy, and most of the gain, goes early, and they go together.

Run:  python -m entropy_rl.experiment --config=configs/lab/tabular_budget.py --workdir=runs/lab
"""

import numpy as np

from configs.lab import _tabular
from configs.lab._measures import mean
from entropy_rl.lab import budget
from entropy_rl.lab.runs import Run
from entropy_rl.lab.verdicts import Bar, Figure
from entropy_rl.study import Study

TWELFTH, THIRD = 1 / 12, 1 / 3


def share(fraction: float, what: str) -> Figure:
    """Of the entropy "spent" or the reward "gained" by a fraction of the run."""
    return lambda run: float(getattr(budget.budget(*_tabular.curve(run), fractions=(fraction,), window=1)[0], what))


def apart(run: Run) -> float:
    """The largest difference of the two shares after the first twelfth."""
    steps, entropies, rewards = _tabular.curve(run)
    spent, gained = budget.shares(entropies, rewards, window=1)
    return float(np.abs(spent - gained)[steps >= TWELFTH * steps[-1]].max())


def get_study() -> Study:
    return _tabular.study(
        "budget",
        claim="By 1/12 of the steps 73 % of the entropy is spent and 76 % of the gain made; by 1/3, 94 and 93 %",
        source=_tabular.PAPER,
        rows=(2,),
        bars=(
            Bar("share of entropy spent by 1/12", mean("GRPO", share(TWELFTH, "spent")), low=0.6, high=0.85),
            Bar("share of gain made by 1/12", mean("GRPO", share(TWELFTH, "gained")), low=0.6, high=0.85),
            Bar("share of entropy spent by 1/3", mean("GRPO", share(THIRD, "spent")), low=0.85),
            Bar("share of gain made by 1/3", mean("GRPO", share(THIRD, "gained")), low=0.85),
            Bar("largest difference of the two after 1/12", mean("GRPO", apart), high=0.08),
        ),
        arms=(_tabular.grpo(800),),
    )
