"""Countdown with three numbers: an entropy bonus on hard prompts alone holds 40 % of the initial entropy, after AER.

Run:     python -m entropy_rl.train --config=countdown_aer --workdir=runs/countdown_aer
Result:  not yet measured
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.closed_loop.loop import EntropyLoop
from entropy_rl.closed_loop.targets import OfInitial
from entropy_rl.config import Config
from entropy_rl.controls.difficulty_bonus import DifficultyBonus
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.ops.schedules import Controlled

HARD = Controlled("hard", low=0.0, high=1.0)


def get_config() -> Config:
    loss = PolicyLoss(surrogate=ClippedSurrogate(0.2, 0.28), penalties=(DifficultyBonus(hard=HARD, split=0.5),))
    loop = EntropyLoop(target=OfInitial(0.4), actuators=(HARD,))
    return dataclasses.replace(countdown_grpo.get_config(), name="countdown_aer", loss=loss, closed_loop=(loop,))
