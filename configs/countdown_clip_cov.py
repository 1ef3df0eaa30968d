"""Countdown with three numbers: GRPO and Clip-Cov, at 50 times the published fraction: 2e-4 of this batch is nothing.

Run:     python -m entropy_rl.train --config=countdown_clip_cov --workdir=runs/countdown_clip_cov
Result:  test pass@1 .443 ± .017, pass@16 .740 ± .019, entropy .146 ± .014 nats/token
         (3 seeds; commit 879334d, AMD EPYC)
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.config import Config
from entropy_rl.controls.clip_cov import ClipCov
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss


def get_config() -> Config:
    loss = PolicyLoss(surrogate=ClippedSurrogate(epsilon_low=0.2, epsilon_high=0.2), gates=(ClipCov(fraction=1e-2),))
    return dataclasses.replace(countdown_grpo.get_config(), name="countdown_clip_cov", loss=loss)
