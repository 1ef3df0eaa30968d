"""Countdown with three numbers: responses are rejected by sign; the entropy stays in a band that falls (Entrocraft).

Run:     python -m entropy_rl.train --config=countdown_entrocraft --workdir=runs/countdown_entrocraft
Result:  not yet measured
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.closed_loop.loop import EntropyLoop
from entropy_rl.closed_loop.on_off import OnOff
from entropy_rl.closed_loop.targets import OfInitial
from entropy_rl.config import Config
from entropy_rl.controls.sign_weights import SignRejection
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.ops.schedules import Controlled, Linear

REJECTION = Controlled("rejection", low=-1.0, high=1.0)


def get_config() -> Config:
    run = countdown_grpo.get_config()
    loss = PolicyLoss(surrogate=ClippedSurrogate(0.2, 0.2), gates=(SignRejection(balance=REJECTION),))
    target = OfInitial(Linear(1.0, 0.5, run.steps))
    loop = EntropyLoop(target=target, actuators=(REJECTION,), controller=OnOff(band=0.02))
    return dataclasses.replace(run, name="countdown_entrocraft", loss=loss, closed_loop=(loop,))
