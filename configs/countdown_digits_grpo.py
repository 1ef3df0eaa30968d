"""Countdown with several tokens per number: ragged prompts and answers, GRPO.

Run:     python -m entropy_rl.train --config=countdown_digits_grpo --workdir=runs/countdown_digits_grpo
Result:  test pass@1 .390, pass@16 .570, entropy .077 nats/token (1 seed; commit 879334d, AMD EPYC)
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.config import Config, EvaluationConfig, WarmStart
from entropy_rl.tasks.countdown import Countdown


def get_config() -> Config:
    return dataclasses.replace(
        countdown_grpo.get_config(),
        name="countdown_digits_grpo",
        task=Countdown(
            max_value=25, max_intermediate=99, tokenization="digit", validation_problems=256, test_problems=384
        ),
        init=WarmStart(steps=1600),
        evaluation=EvaluationConfig(problems=256, test_problems=384),
    )
