"""Paid for its own certainty: accuracy rises, then falls; after training on right answers there is nothing to gain.

Run:  python -m entropy_rl.experiment --config=configs/lab/certainty_as_reward.py --workdir=runs/lab
"""

import dataclasses

import numpy as np

from configs import countdown_grpo, countdown_rlif
from configs.lab._measures import mean
from entropy_rl.lab import fits
from entropy_rl.lab.runs import Run
from entropy_rl.lab.verdicts import Bar
from entropy_rl.study import FIGURES, Arm, Study


def accuracy(run: Run) -> tuple[np.ndarray, np.ndarray]:
    steps, values = run.series("reward/accuracy")
    return steps, fits.smooth(values)


def peak(run: Run) -> float:
    """When training accuracy was highest, as a share of the run."""
    steps, values = accuracy(run)
    return float(steps[values.argmax()] / steps[-1])


def gain(run: Run) -> float:
    """Test pass@1 after, less before."""
    return run.summary["test"]["pass@1"] - run.summary["base"]["pass@1"]


def best_gain(run: Run) -> float:
    """Training accuracy at its best, less that of the first steps."""
    values = accuracy(run)[1]
    return float(values.max() - values[0])


def get_study() -> Study:
    after = dataclasses.replace(countdown_rlif.get_config(), name="countdown_rlif_after_grpo", steps=80)
    return Study(
        name="certainty_as_reward",
        claim="rewards of the model's own certainty lift a base model for some 20 steps and then sink it below its "
        "start; a model after RL gains next to nothing",
        source="No Free Lunch: Rethinking Internal Feedback, 2025, https://arxiv.org/abs/2506.17219",
        rows=(31,),
        note="The reward is minus the mean entropy of a response; accuracy is measured and never paid. The base is a "
        "warm start on imperfect demonstrations.",
        bars=(
            Bar("base: step of the highest accuracy, share of the run", mean("from the base", peak), high=0.2),
            Bar("base: test pass@1, end - start", mean("from the base", gain), high=0.0),
            Bar("after GRPO: training accuracy, best - start", mean("after GRPO", best_gain), high=0.03),
            Bar("after GRPO: test pass@1, end - start", mean("after GRPO", gain), high=0.01),
            Bar("base: training accuracy, best - start", mean("from the base", best_gain), decisive=False),
        ),
        arms=(
            Arm("GRPO", countdown_grpo.get_config()),
            Arm("from the base", countdown_rlif.get_config()),
            Arm("after GRPO", after, after="GRPO"),
        ),
        figures=(*FIGURES, ("test pass@1, end - start", gain)),
        series=("entropy/token_mean", "reward/accuracy", "validation/pass@1"),
    )
