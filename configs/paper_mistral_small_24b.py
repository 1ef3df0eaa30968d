"""Mistral Small 24B, DAPO-Math-17k: GRPO at the recipe of the Entropy Mechanism paper.

Run:     python -m entropy_rl.data prepare dapo_math math500
         python -m entropy_rl.train --config=paper_mistral_small_24b --workdir=runs/paper_mistral_small_24b
Made for 32 devices.
Result:  not yet measured
"""

from configs import _paper, models
from entropy_rl.config import Config


def get_config() -> Config:
    return _paper.run(
        "paper_mistral_small_24b",
        "mistralai/Mistral-Small-24B-Base-2501",
        models.MISTRAL_SMALL_24B,
        _paper.PLAIN,
        devices=32,
    )
