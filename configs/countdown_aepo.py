"""Countdown with three numbers: right answers of a hotter or colder policy, by the sign of the error; AEPO.

Run:     python -m entropy_rl.train --config=countdown_aepo --workdir=runs/countdown_aepo
Source:  Wang et al. 2025, https://arxiv.org/abs/2510.08141, and its code: temperature 1.2 or .8, the first quarter of
         the prompts, 60 of 2,560 responses, 30 above the target; here 2.3 % and half of it. Theirs is .5 nats at 7B.
Result:  one seed: pass@1 .58 and pass@16 .68 on the test; the entropy passes .2 in step 40 and goes on to .05 nats, as
         without: so few responses do not hold it at this learning rate. Raise `most` if it is to be held.
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.closed_loop.loop import EntropyLoop
from entropy_rl.closed_loop.on_off import OnOff
from entropy_rl.closed_loop.targets import InNats
from entropy_rl.config import Config
from entropy_rl.ops.schedules import Controlled
from entropy_rl.rollout.tempering import Tempering

TEMPERATURE = Controlled("temperature", low=0.8, high=1.2, rest=1.0)


def get_config() -> Config:
    run = countdown_grpo.get_config()
    tempering = Tempering(TEMPERATURE, prompts=run.rollout.prompts // 4, most=12)
    loop = EntropyLoop(target=InNats(0.2), actuators=(TEMPERATURE,), controller=OnOff())
    return dataclasses.replace(run, name="countdown_aepo", tempering=tempering, closed_loop=(loop,))
