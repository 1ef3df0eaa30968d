"""Countdown with three numbers: the geometric mean of clipped ratios (GMPO).

Run:     python -m entropy_rl.train --config=countdown_gmpo --workdir=runs/countdown_gmpo
Result:  not yet measured
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.config import Config
from entropy_rl.losses.aggregation import SequenceMean
from entropy_rl.losses.gmpo import GmpoSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss


def get_config() -> Config:
    loss = PolicyLoss(surrogate=GmpoSurrogate(epsilon_low=0.4, epsilon_high=0.4), aggregate=SequenceMean())
    return dataclasses.replace(countdown_grpo.get_config(), name="countdown_gmpo", loss=loss)
