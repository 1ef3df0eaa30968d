"""DeepSeek-Math 7B, GSM8K: GRPO at the recipe of the Entropy Mechanism paper.

Run:     python -m entropy_rl.data prepare gsm8k math500
         python -m entropy_rl.train --config=paper_deepseek_math_7b --workdir=runs/paper_deepseek_math_7b
Made for 8 devices.
Result:  not yet measured

Its repository holds pickles, which are never opened here: name a copy in safetensors with --set init.path=FOLDER.
"""

from configs import _paper, models
from entropy_rl.config import Config


def get_config() -> Config:
    return _paper.run(
        "paper_deepseek_math_7b",
        "deepseek-ai/deepseek-math-7b-base",
        models.DEEPSEEK_MATH_7B,
        _paper.PLAIN,
        _paper.GSM8K,
    )
