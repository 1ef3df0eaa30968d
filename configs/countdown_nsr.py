"""Countdown with three numbers: negative samples alone, the cheapest way to keep entropy.

Run:     python -m entropy_rl.train --config=countdown_nsr --workdir=runs/countdown_nsr
Result:  not yet measured
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.advantages.signed import Signed
from entropy_rl.config import Config


def get_config() -> Config:
    return dataclasses.replace(
        countdown_grpo.get_config(), name="countdown_nsr", advantages=Signed(positive=0.0, negative=1.0)
    )
