"""Countdown with three numbers: positive samples alone, the fastest way to spend entropy.

Run:     python -m entropy_rl.train --config=countdown_psr --workdir=runs/countdown_psr
Result:  not yet measured
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.advantages.signed import Signed
from entropy_rl.config import Config


def get_config() -> Config:
    return dataclasses.replace(
        countdown_grpo.get_config(), name="countdown_psr", advantages=Signed(positive=1.0, negative=0.0)
    )
