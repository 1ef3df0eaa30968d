"""Countdown with three or four numbers: Clip-Cov for 1,600 steps.

Run:     python -m entropy_rl.train --config=countdown_hard_clip_cov --workdir=runs/countdown_hard_clip_cov
Result:  test pass@1 .312, pass@16 .404, entropy .053 nats/token (1 seed; commit b153598, AMD EPYC)
"""

import dataclasses

from configs import countdown_clip_cov, countdown_hard_grpo
from entropy_rl.config import Config
from entropy_rl.controls.clip_cov import ClipCov


def get_config() -> Config:
    loss = dataclasses.replace(countdown_clip_cov.get_config().loss, gates=(ClipCov(fraction=5e-3),))
    return dataclasses.replace(countdown_hard_grpo.get_config(), name="countdown_hard_clip_cov", loss=loss)
