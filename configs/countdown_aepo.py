"""Countdown with three numbers: the sampling temperature is one of two, by the sign of the error; the rule of AEPO.

Run:     python -m entropy_rl.train --config=countdown_aepo --workdir=runs/countdown_aepo
Result:  not yet measured
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.closed_loop.loop import EntropyLoop
from entropy_rl.closed_loop.on_off import OnOff
from entropy_rl.closed_loop.targets import InNats
from entropy_rl.config import Config
from entropy_rl.ops.schedules import Controlled

TEMPERATURE = Controlled("temperature", low=0.8, high=1.2, rest=1.0)


def get_config() -> Config:
    run = countdown_grpo.get_config()
    rollout = dataclasses.replace(run.rollout, temperature=TEMPERATURE)
    loop = EntropyLoop(target=InNats(0.2), actuators=(TEMPERATURE,), controller=OnOff())
    return dataclasses.replace(run, name="countdown_aepo", rollout=rollout, closed_loop=(loop,))
