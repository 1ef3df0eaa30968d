"""Qwen2.5-32B, DAPO-Math-17k: GRPO at the recipe of the Entropy Mechanism paper.

Run:     python -m entropy_rl.data prepare dapo_math math500
         python -m entropy_rl.train --config=paper_qwen25_32b --workdir=runs/paper_qwen25_32b
Made for 32 devices.
Result:  not yet measured
"""

from configs import _paper, models
from entropy_rl.config import Config


def get_config() -> Config:
    return _paper.run(
        "paper_qwen25_32b", "Qwen/Qwen2.5-32B", models.QWEN25_32B, _paper.CHAT, learning_rate=1e-6, devices=32
    )
