"""Right answers alone, wrong answers alone, or weighed: what each does to entropy and to pass@k.

Run:  python -m entropy_rl.experiment --config=configs/lab/signs_of_advantage.py --workdir=runs/lab
"""

from configs import countdown_grpo, countdown_nsr, countdown_psr, countdown_w_reinforce
from configs.lab._measures import PASS_1, PASS_16, TEST_ENTROPY, at_matched_pass_1, difference, ratio
from entropy_rl.lab.verdicts import Bar
from entropy_rl.study import Arm, Study


def get_study() -> Study:
    return Study(
        name="signs_of_advantage",
        claim="negative samples alone hold entropy and the whole pass@k curve, positive ones alone collapse it; "
        "weighing positives by 0.1 is best overall",
        source="Zhu et al. 2025, The Surprising Effectiveness of Negative Reinforcement, "
        "https://arxiv.org/abs/2506.01347; the collapse by positive samples: https://arxiv.org/abs/2511.05993",
        rows=(29, 30),
        note="Four updates per rollout, 240 steps, the same learning rate. pass@16 in the place of pass@64 and 256; "
        "also where both first reach the same validation pass@1, so that slower learning is not taken for diversity.",
        bars=(
            Bar("entropy, NSR / GRPO", ratio("NSR", "GRPO", TEST_ENTROPY), low=1.0),
            Bar("entropy, GRPO / PSR", ratio("GRPO", "PSR", TEST_ENTROPY), low=1.0),
            Bar("entropy, NSR / PSR", ratio("NSR", "PSR", TEST_ENTROPY), low=3.0),
            Bar("test pass@16, NSR - PSR", difference("NSR", "PSR", PASS_16), low=0.03),
            Bar("validation pass@16 at equal pass@1, NSR - PSR", at_matched_pass_1("NSR", "PSR", "pass@16"), low=0.03),
            Bar("test pass@1, W-REINFORCE - GRPO", difference("W-REINFORCE", "GRPO", PASS_1), decisive=False),
            Bar("test pass@16, W-REINFORCE - GRPO", difference("W-REINFORCE", "GRPO", PASS_16), decisive=False),
        ),
        arms=(
            Arm("GRPO", countdown_grpo.get_config()),
            Arm("PSR", countdown_psr.get_config()),
            Arm("NSR", countdown_nsr.get_config()),
            Arm("W-REINFORCE", countdown_w_reinforce.get_config()),
        ),
    )
