"""Countdown with three numbers: the adaptive entropy coefficient of Skywork-OR1, with a target that this task can have.

Run:     python -m entropy_rl.train --config=countdown_skywork --workdir=runs/countdown_skywork
Result:  not yet measured
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.closed_loop.loop import EntropyLoop
from entropy_rl.closed_loop.stepwise import Stepwise
from entropy_rl.closed_loop.targets import InNats
from entropy_rl.config import Config
from entropy_rl.controls.entropy_bonus import EntropyBonus
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.ops.schedules import Controlled

BONUS = Controlled("bonus", low=0.0, high=0.3)  # published: up to 5e-3 in steps of 1e-4, at a learning rate of 1e-6


def get_config() -> Config:
    loss = PolicyLoss(surrogate=ClippedSurrogate(0.2, 0.2), penalties=(EntropyBonus(coefficient=BONUS),))
    loop = EntropyLoop(target=InNats(0.2), actuators=(BONUS,), controller=Stepwise(step=5e-3))
    return dataclasses.replace(countdown_grpo.get_config(), name="countdown_skywork", loss=loss, closed_loop=(loop,))
