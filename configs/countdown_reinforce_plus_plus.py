"""Countdown with three numbers: REINFORCE++-baseline, advantages whitened over the tokens of the step.

Run:     python -m entropy_rl.train --config=countdown_reinforce_plus_plus --workdir=runs/countdown_reinforce_plus_plus
Result:  not yet measured
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.advantages.reinforce_plus_plus import ReinforcePlusPlus
from entropy_rl.config import Config


def get_config() -> Config:
    return dataclasses.replace(
        countdown_grpo.get_config(), name="countdown_reinforce_plus_plus", advantages=ReinforcePlusPlus(baseline=True)
    )
