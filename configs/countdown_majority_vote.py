"""Countdown with three numbers: M-GRPO, a majority vote joined by a slow average of the policy, the too certain left
out.

Run:     python -m entropy_rl.train --config=countdown_majority_vote --workdir=runs/countdown_majority_vote
Result:  not yet measured
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.config import Config
from entropy_rl.references import EmaReference
from entropy_rl.rewards.majority_vote import MajorityVote
from entropy_rl.rewards.task_accuracy import TaskAccuracy


def get_config() -> Config:
    base = countdown_grpo.get_config()
    vote = MajorityVote(TaskAccuracy(base.task), anchors=8, iqr=1.5)
    return dataclasses.replace(
        base, name="countdown_majority_vote", reward=vote, reference=EmaReference(decay=0.99, every=1)
    )
