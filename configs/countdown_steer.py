"""Countdown with three numbers: tokens weigh the less, the more they would change the entropy (STEER).

Run:     python -m entropy_rl.train --config=countdown_steer --workdir=runs/countdown_steer
Result:  not yet measured
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.config import Config
from entropy_rl.controls.steer import Steer
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss


def get_config() -> Config:
    loss = PolicyLoss(surrogate=ClippedSurrogate(epsilon_low=0.2, epsilon_high=0.2), gates=(Steer(),))
    return dataclasses.replace(countdown_grpo.get_config(), name="countdown_steer", loss=loss)
