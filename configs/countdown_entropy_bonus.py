"""Countdown with three numbers: GRPO with an entropy bonus, the uniform control that targeted ones are held against.

Run:     python -m entropy_rl.train --config=countdown_entropy_bonus --workdir=runs/countdown_entropy_bonus
Result:  test pass@1 .528 ± .034, pass@16 .674 ± .007, entropy .073 ± .011 nats/token
         (3 seeds; commit 879334d, AMD EPYC)
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.config import Config
from entropy_rl.controls.entropy_bonus import EntropyBonus
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss


def get_config() -> Config:
    loss = PolicyLoss(
        surrogate=ClippedSurrogate(epsilon_low=0.2, epsilon_high=0.2), penalties=(EntropyBonus(coefficient=0.02),)
    )
    return dataclasses.replace(countdown_grpo.get_config(), name="countdown_entropy_bonus", loss=loss)
