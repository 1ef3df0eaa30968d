"""Countdown with three numbers: W-REINFORCE, right answers at a tenth of the weight of wrong ones.

Run:     python -m entropy_rl.train --config=countdown_w_reinforce --workdir=runs/countdown_w_reinforce
Result:  not yet measured
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.advantages.signed import Signed
from entropy_rl.config import Config


def get_config() -> Config:
    return dataclasses.replace(
        countdown_grpo.get_config(), name="countdown_w_reinforce", advantages=Signed(positive=0.1, negative=1.0)
    )
