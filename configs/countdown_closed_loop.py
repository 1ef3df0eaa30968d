"""Countdown with three numbers: the entropy is held at half of what it was at the start; the bonus is found on the way.

Run:     python -m entropy_rl.train --config=countdown_closed_loop --workdir=runs/countdown_closed_loop
Result:  not yet measured
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.closed_loop.loop import EntropyLoop
from entropy_rl.closed_loop.targets import OfInitial
from entropy_rl.config import Config
from entropy_rl.controls.entropy_bonus import EntropyBonus
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.ops.schedules import Controlled

BONUS = Controlled("bonus", low=-1.0, high=1.0)  # below 0 it takes entropy away


def get_config() -> Config:
    loss = PolicyLoss(surrogate=ClippedSurrogate(0.2, 0.2), penalties=(EntropyBonus(coefficient=BONUS),))
    loop = EntropyLoop(target=OfInitial(0.5), actuators=(BONUS,))
    return dataclasses.replace(
        countdown_grpo.get_config(), name="countdown_closed_loop", loss=loss, closed_loop=(loop,)
    )
