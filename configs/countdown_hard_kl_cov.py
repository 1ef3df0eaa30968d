"""Countdown with three or four numbers: KL-Cov for 1,600 steps.

Run:     python -m entropy_rl.train --config=countdown_hard_kl_cov --workdir=runs/countdown_hard_kl_cov
Result:  not yet measured
"""

import dataclasses

from configs import countdown_hard_grpo, countdown_kl_cov
from entropy_rl.config import Config


def get_config() -> Config:
    loss = countdown_kl_cov.get_config().loss
    return dataclasses.replace(countdown_hard_grpo.get_config(), name="countdown_hard_kl_cov", loss=loss)
