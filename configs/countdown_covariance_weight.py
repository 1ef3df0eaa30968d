"""Countdown with three numbers: a Gaussian weight of the covariance, without a number to tune.

Run:     python -m entropy_rl.train --config=countdown_covariance_weight --workdir=runs/countdown_covariance_weight
Result:  not yet measured
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.config import Config
from entropy_rl.controls.covariance_weight import CovarianceWeight
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss


def get_config() -> Config:
    loss = PolicyLoss(surrogate=ClippedSurrogate(epsilon_low=0.2, epsilon_high=0.2), gates=(CovarianceWeight(),))
    return dataclasses.replace(countdown_grpo.get_config(), name="countdown_covariance_weight", loss=loss)
