"""Qwen3-0.6B, DAPO-Math-17k: GRPO from the base model, at the recipe of the Entropy Mechanism paper.

Run:     python -m entropy_rl.data prepare dapo_math math500
         python -m entropy_rl.train --config=qwen3_0_6b --workdir=runs/qwen3_0_6b
Made for 8 devices.
Result:  not yet measured
"""

from configs import _paper, models
from entropy_rl.config import Config


def get_config() -> Config:
    return _paper.run("qwen3_0_6b", "Qwen/Qwen3-0.6B-Base", models.QWEN3_0_6B, _paper.CHAT)
