"""Countdown with three numbers: Lp-Reg protects rare but plausible tokens of wrong answers; its tokens go unclipped.

Run:     python -m entropy_rl.train --config=countdown_lp_reg --workdir=runs/countdown_lp_reg
Result:  not yet measured
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.config import Config
from entropy_rl.controls.lp_reg import LpReg
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.losses.switch import Switch
from entropy_rl.losses.unclipped import UnclippedSurrogate


def get_config() -> Config:
    rare = LpReg()
    loss = PolicyLoss(surrogate=Switch(rare, UnclippedSurrogate(), ClippedSurrogate(1.0, 9.0)), penalties=(rare,))
    return dataclasses.replace(countdown_grpo.get_config(), name="countdown_lp_reg", loss=loss)
