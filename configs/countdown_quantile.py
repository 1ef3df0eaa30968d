"""Countdown with three numbers: a quantile of the group as the baseline (QAE).

Run:     python -m entropy_rl.train --config=countdown_quantile --workdir=runs/countdown_quantile
Result:  not yet measured
"""

import dataclasses

from configs import countdown_grpo
from entropy_rl.advantages.quantile import QuantileBaseline
from entropy_rl.config import Config


def get_config() -> Config:
    return dataclasses.replace(
        countdown_grpo.get_config(), name="countdown_quantile", advantages=QuantileBaseline(quantile=0.4)
    )
