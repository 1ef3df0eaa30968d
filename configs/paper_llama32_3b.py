"""Llama 3.2 3B, GSM8K: GRPO at the recipe of the Entropy Mechanism paper.

Run:     python -m entropy_rl.data prepare gsm8k math500
         python -m entropy_rl.train --config=paper_llama32_3b --workdir=runs/paper_llama32_3b
Made for 8 devices.
Result:  not yet measured

The checkpoint is gated: ask for access on its page of the hub, and set HF_TOKEN.
"""

from configs import _paper, models
from entropy_rl.config import Config


def get_config() -> Config:
    return _paper.run("paper_llama32_3b", "meta-llama/Llama-3.2-3B", models.LLAMA32_3B, _paper.PLAIN, _paper.GSM8K)
