"""Learning from a part of the tokens: those of high entropy, of low entropy, or any.

Run:  python -m entropy_rl.experiment --config=configs/lab/forking_tokens.py --workdir=runs/lab
"""

from configs import countdown_forking_tokens, countdown_grpo
from configs.lab import _easy
from configs.lab._measures import PASS_1, PASS_16, TEST_ENTROPY, difference, ratio
from entropy_rl.controls.forking import ForkingTokens
from entropy_rl.controls.random_control import RandomControl
from entropy_rl.lab.verdicts import Bar
from entropy_rl.study import Arm, Study


def get_study() -> Study:
    random = RandomControl(fraction=0.8, side="both", max_fraction=0.8)
    return Study(
        name="forking_tokens",
        claim="the gradient of the fifth of the tokens with the highest entropy is worth the whole one; that of the "
        "other four fifths is worth little",
        source="Wang et al. 2025, Beyond the 80/20 Rule, https://arxiv.org/abs/2506.01939",
        rows=(25,),
        note="Published at 8B to 32B; re-runs at 0.5B and 1.5B by others do not show it. Four updates per rollout "
        "where the authors make 16. Steps are equal, and so are tokens: answers of this task have one length.",
        bars=(
            Bar("test pass@1, top fifth - all", difference("top 20 %", "all", PASS_1), low=-0.02),
            Bar("test pass@1, top fifth - random fifth", difference("top 20 %", "random 20 %", PASS_1), low=0.0),
            Bar("test pass@1, random fifth - bottom 80 %", difference("random 20 %", "bottom 80 %", PASS_1), low=0.0),
            Bar("test pass@16, top fifth - all", difference("top 20 %", "all", PASS_16), decisive=False),
            Bar("entropy, top fifth / all", ratio("top 20 %", "all", TEST_ENTROPY), decisive=False),
        ),
        arms=(
            Arm("all", countdown_grpo.get_config()),
            Arm("top 20 %", countdown_forking_tokens.get_config()),
            Arm("bottom 80 %", _easy.with_loss("bottom80", gates=(ForkingTokens(fraction=0.8, side="bottom"),))),
            Arm("random 20 %", _easy.with_loss("random20", gates=(random,))),
        ),
    )
