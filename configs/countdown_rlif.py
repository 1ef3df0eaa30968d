"""Countdown with three numbers: paid for its own certainty alone, so that accuracy can be seen to rise and fall.

Run:     python -m entropy_rl.train --config=countdown_rlif --workdir=runs/countdown_rlif
Result:  not yet measured
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.config import Config
from entropy_rl.rewards.internal_feedback import NegativeEntropy
from entropy_rl.rewards.task_accuracy import TaskAccuracy


def get_config() -> Config:
    base = countdown_grpo.get_config()
    return dataclasses.replace(base, name="countdown_rlif", reward=NegativeEntropy(TaskAccuracy(base.task)))
