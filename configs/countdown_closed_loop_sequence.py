"""Countdown with three numbers: KL-Cov holds the entropy as long as it can; the bonus takes over where it cannot.

Run:     python -m entropy_rl.train --config=countdown_closed_loop_sequence --workdir=runs/closed_loop_sequence
Result:  not yet measured
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.closed_loop.loop import EntropyLoop
from entropy_rl.closed_loop.targets import OfInitial
from entropy_rl.config import Config
from entropy_rl.controls.entropy_bonus import EntropyBonus
from entropy_rl.controls.kl_cov import KlCov
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.losses.unclipped import UnclippedSurrogate
from entropy_rl.ops.schedules import Controlled

LEASH = Controlled("leash", low=0.0, high=2.0)  # targeted: it only slows the fall
BONUS = Controlled("bonus", low=-1.0, high=1.0)  # blunt, and reaches both ways


def get_config() -> Config:
    penalties = (KlCov(fraction=0.1, coefficient=LEASH, max_fraction=0.1), EntropyBonus(coefficient=BONUS))
    loss = PolicyLoss(surrogate=UnclippedSurrogate(), penalties=penalties)
    loop = EntropyLoop(target=OfInitial(0.5), actuators=(LEASH, BONUS))
    return dataclasses.replace(
        countdown_grpo.get_config(), name="countdown_closed_loop_sequence", loss=loss, closed_loop=(loop,)
    )
