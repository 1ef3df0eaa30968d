"""Countdown with three numbers: more credit for planning tokens, which the task labels (HICRA).

Run:     python -m entropy_rl.train --config=countdown_hicra --workdir=runs/countdown_hicra
Result:  not yet measured
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.config import Config
from entropy_rl.controls.shaped_advantage import PlanningCredit
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss


def get_config() -> Config:
    loss = PolicyLoss(
        surrogate=ClippedSurrogate(epsilon_low=0.2, epsilon_high=0.2), shapers=(PlanningCredit(alpha=0.2),)
    )
    return dataclasses.replace(countdown_grpo.get_config(), name="countdown_hicra", loss=loss)
