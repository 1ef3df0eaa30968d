"""Countdown with three numbers: the mean of the other responses as the baseline, without a clip.

Run:     python -m entropy_rl.train --config=countdown_rloo --workdir=runs/countdown_rloo
Result:  not yet measured
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.advantages.rloo import LeaveOneOut
from entropy_rl.config import Config
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.losses.unclipped import UnclippedSurrogate


def get_config() -> Config:
    loss = PolicyLoss(surrogate=UnclippedSurrogate())
    return dataclasses.replace(countdown_grpo.get_config(), name="countdown_rloo", advantages=LeaveOneOut(), loss=loss)
