"""Qwen3-1.7B, DAPO-Math-17k: GRPO from the base model, at the recipe of the Entropy Mechanism paper.

Run:     python -m entropy_rl.data prepare dapo_math math500
         python -m entropy_rl.train --config=qwen3_1_7b --workdir=runs/qwen3_1_7b
Made for 8 devices.
Result:  not yet measured
"""

from configs import _paper, models
from entropy_rl.config import Config


def get_config() -> Config:
    return _paper.run("qwen3_1_7b", "Qwen/Qwen3-1.7B-Base", models.QWEN3_1_7B, _paper.CHAT)
