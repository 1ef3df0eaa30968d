"""Countdown with three numbers: IPS-GRPO, each right route paid by how rare it is, so that several survive.

Run:     python -m entropy_rl.train --config=countdown_ips --workdir=runs/countdown_ips
Result:  test pass@1 0.20 -> 0.47, pass@16 0.82 -> 0.75, entropy 0.35 -> 0.12 nats/token
         (one seed, 240 steps; noted in commit 8bc5e52, hardware not; the run was not kept)
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.config import Config
from entropy_rl.rewards.inverse_probability import InverseProbability
from entropy_rl.rewards.task_accuracy import TaskAccuracy


def get_config() -> Config:
    base = countdown_grpo.get_config()
    return dataclasses.replace(base, name="countdown_ips", reward=InverseProbability(TaskAccuracy(base.task)))
