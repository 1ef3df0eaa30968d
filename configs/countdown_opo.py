"""Countdown with three numbers: the length-weighted baseline of OPO, without a clip.

Run:     python -m entropy_rl.train --config=countdown_opo --workdir=runs/countdown_opo
Result:  not yet measured
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.advantages.opo import OptimalBaseline
from entropy_rl.config import Config
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.losses.unclipped import UnclippedSurrogate


def get_config() -> Config:
    loss = PolicyLoss(surrogate=UnclippedSurrogate())
    return dataclasses.replace(
        countdown_grpo.get_config(), name="countdown_opo", advantages=OptimalBaseline(), loss=loss
    )
