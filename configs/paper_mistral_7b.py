"""Mistral-7B-v0.3, GSM8K: GRPO at the recipe of the Entropy Mechanism paper.

Run:     python -m entropy_rl.data prepare gsm8k math500
         python -m entropy_rl.train --config=paper_mistral_7b --workdir=runs/paper_mistral_7b
Made for 8 devices.
Result:  not yet measured
"""

from configs import _paper, models
from entropy_rl.config import Config


def get_config() -> Config:
    return _paper.run("paper_mistral_7b", "mistralai/Mistral-7B-v0.3", models.MISTRAL_7B, _paper.PLAIN, _paper.GSM8K)
