"""Countdown with three or four numbers: GRPO for 1,600 steps, long enough to see it saturate with its entropy spent.

Run:     python -m entropy_rl.train --config=countdown_hard_grpo --workdir=runs/countdown_hard_grpo
Result:  test pass@1 .325, pass@16 .359, entropy .026 nats/token (1 seed; commit b153598, AMD EPYC)
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.config import CheckpointConfig, Config, EvaluationConfig, WarmStart
from entropy_rl.tasks.countdown import Countdown


def get_config() -> Config:
    return dataclasses.replace(
        countdown_grpo.get_config(),
        name="countdown_hard_grpo",
        task=Countdown(max_numbers=4, max_value=9, max_intermediate=40, validation_problems=256, test_problems=384),
        init=WarmStart(steps=1200),
        evaluation=EvaluationConfig(every=100, problems=256, test_problems=384),
        checkpoint=CheckpointConfig(every=100),
        steps=1600,
    )
