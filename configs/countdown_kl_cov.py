"""Countdown with three numbers: unclipped ratios and KL-Cov. The fraction is 10 times the published one for 7B.

Run:     python -m entropy_rl.train --config=countdown_kl_cov --workdir=runs/countdown_kl_cov
Result:  test pass@1 .415 ± .011, pass@16 .703 ± .007, entropy .127 ± .007 nats/token
         (3 seeds; commit 879334d, AMD EPYC)
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.config import Config
from entropy_rl.controls.kl_cov import KlCov
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.losses.unclipped import UnclippedSurrogate


def get_config() -> Config:
    loss = PolicyLoss(surrogate=UnclippedSurrogate(), penalties=(KlCov(fraction=2e-2, coefficient=2.0),))
    return dataclasses.replace(countdown_grpo.get_config(), name="countdown_kl_cov", loss=loss)
