"""Countdown with three numbers: importance weights clipped instead of tokens (CISPO).

Run:     python -m entropy_rl.train --config=countdown_cispo --workdir=runs/countdown_cispo
Result:  not yet measured
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.config import Config
from entropy_rl.losses.cispo import CispoSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss


def get_config() -> Config:
    loss = PolicyLoss(surrogate=CispoSurrogate(epsilon_low=1.0, epsilon_high=4.0))
    return dataclasses.replace(countdown_grpo.get_config(), name="countdown_cispo", loss=loss)
