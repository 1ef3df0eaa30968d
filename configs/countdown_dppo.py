"""Countdown with three numbers: tokens stopped by how far their probability moved (DPPO).

Run:     python -m entropy_rl.train --config=countdown_dppo --workdir=runs/countdown_dppo
Result:  not yet measured
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.config import Config
from entropy_rl.losses.dppo import DppoSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss


def get_config() -> Config:
    loss = PolicyLoss(surrogate=DppoSurrogate(delta=0.2))
    return dataclasses.replace(countdown_grpo.get_config(), name="countdown_dppo", loss=loss)
