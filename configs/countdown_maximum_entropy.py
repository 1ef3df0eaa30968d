"""Countdown with three numbers: entropy in the reward, the other uniform control.

Run:     python -m entropy_rl.train --config=countdown_maximum_entropy --workdir=runs/countdown_maximum_entropy
Result:  not yet measured
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.config import Config
from entropy_rl.controls.maximum_entropy import MaximumEntropy
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss


def get_config() -> Config:
    loss = PolicyLoss(
        surrogate=ClippedSurrogate(epsilon_low=0.2, epsilon_high=0.2), shapers=(MaximumEntropy(alpha=0.02),)
    )
    return dataclasses.replace(countdown_grpo.get_config(), name="countdown_maximum_entropy", loss=loss)
