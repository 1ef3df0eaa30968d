"""Countdown with three numbers: PPO with a value head on the policy's own trunk, instead of groups.

Run:     python -m entropy_rl.train --config=countdown_ppo --workdir=runs/countdown_ppo
Result:  test pass@1 0.20 -> 0.55, pass@16 0.82 -> 0.68, entropy 0.35 -> 0.06 nats/token
         (one seed, 240 steps; noted in commit 8bc5e52, hardware not; the run was not kept)
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.advantages.gae import Gae
from entropy_rl.config import Config
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.losses.value_loss import ClippedValueLoss


def get_config() -> Config:
    base = countdown_grpo.get_config()
    loss = PolicyLoss(
        surrogate=ClippedSurrogate(epsilon_low=0.2, epsilon_high=0.2), value_loss=ClippedValueLoss(coefficient=0.5)
    )
    return dataclasses.replace(base, name="countdown_ppo", advantages=Gae(decay=1.0), loss=loss)
