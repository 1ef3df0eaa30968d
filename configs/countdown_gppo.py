"""Countdown with three numbers: clipped tokens keep the gradient of their bound (GPPO).

Run:     python -m entropy_rl.train --config=countdown_gppo --workdir=runs/countdown_gppo
Result:  not yet measured
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.config import Config
from entropy_rl.losses.gppo import CeGppoSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss


def get_config() -> Config:
    loss = PolicyLoss(surrogate=CeGppoSurrogate(beta_low=1.0, beta_high=1.0))
    return dataclasses.replace(countdown_grpo.get_config(), name="countdown_gppo", loss=loss)
