"""Countdown with three numbers: EntroPIC, proportional and integral control of the weights of right and wrong answers.

Run:     python -m entropy_rl.train --config=countdown_entropic --workdir=runs/countdown_entropic
Result:  not yet measured
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.closed_loop.loop import EntropyLoop
from entropy_rl.closed_loop.proportional_integral import ProportionalIntegral
from entropy_rl.closed_loop.targets import InNats
from entropy_rl.config import Config
from entropy_rl.controls.sign_weights import SignWeights
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.ops.schedules import Controlled

BALANCE = Controlled("balance", low=-1.0, high=1.0)


def get_config() -> Config:
    loss = PolicyLoss(surrogate=ClippedSurrogate(0.2, 0.2), gates=(SignWeights(balance=BALANCE),))
    loop = EntropyLoop(target=InNats(0.1), actuators=(BALANCE,), controller=ProportionalIntegral(1.0, 0.01))
    return dataclasses.replace(countdown_grpo.get_config(), name="countdown_entropic", loss=loss, closed_loop=(loop,))
