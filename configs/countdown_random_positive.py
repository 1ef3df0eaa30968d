"""Countdown with three numbers: the control of Clip-Cov, random tokens of right answers in the same number.

Run:     python -m entropy_rl.train --config=countdown_random_positive --workdir=runs/countdown_random_positive
Result:  not yet measured
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.config import Config
from entropy_rl.controls.clip_cov import ClipCov
from entropy_rl.controls.random_control import RandomControl
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss


def get_config() -> Config:
    loss = PolicyLoss(
        surrogate=ClippedSurrogate(epsilon_low=0.2, epsilon_high=0.2),
        gates=(RandomControl(matched=ClipCov(fraction=1e-2)),),
    )
    return dataclasses.replace(countdown_grpo.get_config(), name="countdown_random_positive", loss=loss)
