"""Certainty as the reward: does it teach anything?

Run:  python -m entropy_rl.experiment --config=configs/lab/tabular_certainty.py --workdir=runs/lab
"""

import numpy as np

from configs.lab import _tabular
from configs.lab._measures import mean
from entropy_rl.lab.runs import Run
from entropy_rl.lab.verdicts import Bar
from entropy_rl.study import Study
from entropy_rl.tabular.rewards import Certainty

BASE, TRAINED = "from the base", "after 400 steps of GRPO"


def peak(run: Run) -> float:
    """Where along the run pass@1 is highest, as a share of its length."""
    steps, values = run.series(_tabular.PASS_1)
    return float(steps[np.argmax(values)] / steps[-1])


def gain(run: Run) -> float:
    _, values = run.series(_tabular.PASS_1)
    return float(values[-1] - values[0])


def best_gain(run: Run) -> float:
    _, values = run.series(_tabular.PASS_1)
    return float(values.max() - values[0])


def get_study() -> Study:
    return _tabular.study(
        "certainty",
        claim="Rewarded for certainty, a base model rises for about 20 steps and then falls below its start; "
        "a trained one gains nothing",
        source="https://arxiv.org/abs/2506.17219",
        rows=(31,),
        note="Reward: minus the mean entropy of the response's tokens. 200 steps.",
        bars=(
            Bar("place of the best pass@1 in the run, from the base", mean(BASE, peak), high=0.2),
            Bar("pass@1 at the end - at the start, from the base", mean(BASE, gain), high=0.0),
            Bar("best pass@1 - first, trained policy", mean(TRAINED, best_gain), high=0.01),
        ),
        arms=(
            _tabular.arm(BASE, "certainty", 200, reward=Certainty()),
            _tabular.arm(TRAINED, "certainty_after_grpo", 200, reward=Certainty(), after=400),
        ),
    )
