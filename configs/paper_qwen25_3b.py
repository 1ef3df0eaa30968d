"""Qwen2.5-3B, DAPO-Math-17k: GRPO at the recipe of the Entropy Mechanism paper.

Run:     python -m entropy_rl.data prepare dapo_math math500
         python -m entropy_rl.train --config=paper_qwen25_3b --workdir=runs/paper_qwen25_3b
Made for 8 devices.
Result:  not yet measured
"""

from configs import _paper, models
from entropy_rl.config import Config


def get_config() -> Config:
    return _paper.run("paper_qwen25_3b", "Qwen/Qwen2.5-3B", models.QWEN25_3B, _paper.CHAT)
