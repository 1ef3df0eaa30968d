"""Countdown with three numbers: advantages without the group's deviation, and one length for all responses.

Run:     python -m entropy_rl.train --config=countdown_dr_grpo --workdir=runs/countdown_dr_grpo
Result:  not yet measured
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.advantages.grpo import GroupCentred
from entropy_rl.config import Config
from entropy_rl.losses.aggregation import ConstantNormaliser
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss


def get_config() -> Config:
    base = countdown_grpo.get_config()
    length = ConstantNormaliser(float(base.task.max_response_tokens))
    loss = PolicyLoss(surrogate=ClippedSurrogate(epsilon_low=0.2, epsilon_high=0.2), aggregate=length)
    return dataclasses.replace(base, name="countdown_dr_grpo", advantages=GroupCentred(), loss=loss)
