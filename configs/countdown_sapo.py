"""Countdown with three numbers: a smooth bell in place of the clip (SAPO).

Run:     python -m entropy_rl.train --config=countdown_sapo --workdir=runs/countdown_sapo
Result:  not yet measured
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.config import Config
from entropy_rl.losses.aggregation import SequenceMean
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.losses.sapo import SapoSurrogate


def get_config() -> Config:
    loss = PolicyLoss(surrogate=SapoSurrogate(), aggregate=SequenceMean())
    return dataclasses.replace(countdown_grpo.get_config(), name="countdown_sapo", loss=loss)
