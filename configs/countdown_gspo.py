"""Countdown with three numbers: one ratio per response (GSPO).

Bounds are 10 times the published ones: the mean of 20 log ratios moves more than that of thousands.

Run:     python -m entropy_rl.train --config=countdown_gspo --workdir=runs/countdown_gspo
Result:  not yet measured
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.config import Config
from entropy_rl.losses.aggregation import SequenceMean
from entropy_rl.losses.gspo import GspoSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss


def get_config() -> Config:
    loss = PolicyLoss(surrogate=GspoSurrogate(epsilon_low=3e-3, epsilon_high=4e-3), aggregate=SequenceMean())
    return dataclasses.replace(countdown_grpo.get_config(), name="countdown_gspo", loss=loss)
