"""Countdown with three numbers: advantages that favour uncertain tokens.

Run:     python -m entropy_rl.train --config=countdown_entropy_advantage --workdir=runs/countdown_entropy_advantage
Result:  not yet measured
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.config import Config
from entropy_rl.controls.shaped_advantage import EntropyAdvantage
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss


def get_config() -> Config:
    loss = PolicyLoss(
        surrogate=ClippedSurrogate(epsilon_low=0.2, epsilon_high=0.2), shapers=(EntropyAdvantage(alpha=0.4, kappa=2.0),)
    )
    return dataclasses.replace(countdown_grpo.get_config(), name="countdown_entropy_advantage", loss=loss)
