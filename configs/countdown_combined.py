"""Countdown with three numbers: clip-higher, Clip-Cov and KL-Cov at once.

Run:     python -m entropy_rl.train --config=countdown_combined --workdir=runs/countdown_combined
Result:  not yet measured
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.config import Config
from entropy_rl.controls.clip_cov import ClipCov
from entropy_rl.controls.kl_cov import KlCov
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss


def get_config() -> Config:
    loss = PolicyLoss(
        surrogate=ClippedSurrogate(epsilon_low=0.2, epsilon_high=0.28),
        gates=(ClipCov(fraction=1e-2),),
        penalties=(KlCov(fraction=2e-2, coefficient=1.0),),
    )
    return dataclasses.replace(countdown_grpo.get_config(), name="countdown_combined", loss=loss)
