"""Two tasks in one run, each led to an entropy of its own and held there: three numbers at .5 of the start, four at .3.

Run:     python -m entropy_rl.train --config=countdown_two_targets --workdir=runs/countdown_two_targets
Result:  over the last half of the steps +2.9 % and -1.2 % off the targets, with mean bonuses of +.14 and -.08; means of
         20 steps within 9 %. These levels cost accuracy: test pass@1 .202 and pass@16 .346, where GRPO without loops
         has .303 and .421, and the base .09 and .55 (1 seed; commit 85afd9f, AMD EPYC). With constant targets from the
         first step on: +1.0 % and -.6 %, but settled after 44 and 51 steps, and pass@16 of the validation fell to .08
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.closed_loop.loop import EntropyLoop, OfTask
from entropy_rl.closed_loop.targets import OfInitial
from entropy_rl.config import Config
from entropy_rl.controls.task_bonus import TaskBonus
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.ops.schedules import Controlled, Linear
from entropy_rl.tasks.countdown import Countdown
from entropy_rl.tasks.mixture import Mixture

THREE = Countdown(max_value=9, max_intermediate=40, validation_problems=96, test_problems=120, demonstration_noise=0.4)
FOUR = dataclasses.replace(THREE, min_numbers=4, max_numbers=4)
ON_THREE, ON_FOUR = Controlled("on_three", low=-1.0, high=1.0), Controlled("on_four", low=-1.0, high=1.0)


def get_config() -> Config:
    loops = (
        EntropyLoop(OfInitial(Linear(1.0, 0.5, 80)), (ON_THREE,), measured=OfTask("countdown_0"), name="three"),
        EntropyLoop(OfInitial(Linear(1.0, 0.3, 80)), (ON_FOUR,), measured=OfTask("countdown_1"), name="four"),
    )
    return dataclasses.replace(
        countdown_grpo.get_config(),
        name="countdown_two_targets",
        task=Mixture(((THREE, 1.0), (FOUR, 1.0))),
        loss=PolicyLoss(ClippedSurrogate(0.2, 0.2), penalties=(TaskBonus((ON_THREE, ON_FOUR)),)),
        closed_loop=loops,
    )
