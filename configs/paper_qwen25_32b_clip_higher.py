"""Qwen2.5-32B, DAPO-Math-17k: DAPO's higher upper clip, as in the authors' script; the rest as paper_qwen25_32b.

Run:     python -m entropy_rl.data prepare dapo_math math500
         python -m entropy_rl.train --config=paper_qwen25_32b_clip_higher --workdir=runs/paper_qwen25_32b_clip_higher
Made for 32 devices.
Result:  not yet measured
"""

import dataclasses

from configs import paper_qwen25_32b
from entropy_rl.config import Config
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss


def get_config() -> Config:
    loss = PolicyLoss(surrogate=ClippedSurrogate(epsilon_low=0.2, epsilon_high=0.28))
    return dataclasses.replace(paper_qwen25_32b.get_config(), name="paper_qwen25_32b_clip_higher", loss=loss)
