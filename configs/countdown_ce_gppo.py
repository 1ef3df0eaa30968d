"""Countdown with three numbers: clipped tokens keep part of their gradient (CE-GPPO, beta_low as for 1.5B).

Run:     python -m entropy_rl.train --config=countdown_ce_gppo --workdir=runs/countdown_ce_gppo
Result:  not yet measured
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.config import Config
from entropy_rl.losses.gppo import CeGppoSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss


def get_config() -> Config:
    loss = PolicyLoss(surrogate=CeGppoSurrogate(beta_low=0.5, beta_high=1.0))
    return dataclasses.replace(countdown_grpo.get_config(), name="countdown_ce_gppo", loss=loss)
