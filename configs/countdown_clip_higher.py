"""Countdown with three numbers: GRPO with DAPO's higher upper clip.

Run:     python -m entropy_rl.train --config=countdown_clip_higher --workdir=runs/countdown_clip_higher
Result:  test pass@1 .531 ± .040, pass@16 .662 ± .015, entropy .062 ± .009 nats/token
         (3 seeds; commit 879334d, AMD EPYC)
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.config import Config
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss


def get_config() -> Config:
    loss = PolicyLoss(surrogate=ClippedSurrogate(epsilon_low=0.2, epsilon_high=0.28))
    return dataclasses.replace(countdown_grpo.get_config(), name="countdown_clip_higher", loss=loss)
