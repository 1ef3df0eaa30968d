"""Two tasks in one run, each held at an entropy of its own: three numbers at half of what they began with, four at .3.

Run:     python -m entropy_rl.train --config=countdown_two_targets --workdir=runs/countdown_two_targets
Result:  over the last half of the steps +1.0 % and -.6 % off their targets, with bonuses of +.13 and -.08 on average;
         test pass@1 .192, pass@16 .362 (1 seed; commit 6f45d6b, AMD EPYC)
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.closed_loop.loop import EntropyLoop, OfTask
from entropy_rl.closed_loop.targets import OfInitial
from entropy_rl.config import Config
from entropy_rl.controls.task_bonus import TaskBonus
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.ops.schedules import Controlled
from entropy_rl.tasks.countdown import Countdown
from entropy_rl.tasks.mixture import Mixture

THREE = Countdown(max_value=9, max_intermediate=40, validation_problems=96, test_problems=120, demonstration_noise=0.4)
FOUR = dataclasses.replace(THREE, min_numbers=4, max_numbers=4)
ON_THREE, ON_FOUR = Controlled("on_three", low=-1.0, high=1.0), Controlled("on_four", low=-1.0, high=1.0)


def get_config() -> Config:
    loops = (
        EntropyLoop(OfInitial(0.5), (ON_THREE,), measured=OfTask("countdown_0"), name="three"),
        EntropyLoop(OfInitial(0.3), (ON_FOUR,), measured=OfTask("countdown_1"), name="four"),
    )
    return dataclasses.replace(
        countdown_grpo.get_config(),
        name="countdown_two_targets",
        task=Mixture(((THREE, 1.0), (FOUR, 1.0))),
        loss=PolicyLoss(ClippedSurrogate(0.2, 0.2), penalties=(TaskBonus((ON_THREE, ON_FOUR)),)),
        closed_loop=loops,
    )
