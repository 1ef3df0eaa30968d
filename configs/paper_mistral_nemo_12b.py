"""Mistral Nemo 12B, GSM8K: GRPO at the recipe of the Entropy Mechanism paper.

Run:     python -m entropy_rl.data prepare gsm8k math500
         python -m entropy_rl.train --config=paper_mistral_nemo_12b --workdir=runs/paper_mistral_nemo_12b
Made for 16 devices.
Result:  not yet measured
"""

from configs import _paper, models
from entropy_rl.config import Config


def get_config() -> Config:
    return _paper.run(
        "paper_mistral_nemo_12b",
        "mistralai/Mistral-Nemo-Base-2407",
        models.MISTRAL_NEMO_12B,
        _paper.PLAIN,
        _paper.GSM8K,
        devices=16,
    )
