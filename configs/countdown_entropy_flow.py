"""Countdown with three numbers: what raises entropy and what lowers it brought into balance (OPEFO).

Run:     python -m entropy_rl.train --config=countdown_entropy_flow --workdir=runs/countdown_entropy_flow
Result:  not yet measured
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.config import Config
from entropy_rl.controls.entropy_flow import EntropyFlow
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss


def get_config() -> Config:
    loss = PolicyLoss(surrogate=ClippedSurrogate(epsilon_low=0.2, epsilon_high=0.2), gates=(EntropyFlow(),))
    return dataclasses.replace(countdown_grpo.get_config(), name="countdown_entropy_flow", loss=loss)
