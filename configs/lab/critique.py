"""Failed groups get one answer that was written with help: does it solve what GRPO never solves?

Run:  python -m entropy_rl.experiment --config=configs/lab/critique.py --workdir=runs/lab
"""

from configs import countdown_critique, countdown_grpo
from configs.lab._measures import PASS_1, PASS_16, difference
from entropy_rl.lab.verdicts import Bar
from entropy_rl.study import Arm, Study


def get_study() -> Study:
    return Study(
        name="critique",
        claim="numeric rewards reach a plateau of problems that stay unsolved; critiques solve them (+15 to +21.6 "
        "points of pass@1)",
        source="Zhang et al. 2025, Critique-GRPO, https://arxiv.org/abs/2506.03106",
        rows=(35,),
        note="Unsolved is a test problem without a right answer among 16, so that its share is 1 - pass@16. Each "
        "refinement takes the place of a failed response: samples are nearly equal (16 more in 512).",
        bars=(
            Bar("test pass@16, critique - GRPO", difference("critique", "GRPO", PASS_16), low=0.10),
            Bar("test pass@1, critique - GRPO", difference("critique", "GRPO", PASS_1), low=0.0),
        ),
        arms=(Arm("GRPO", countdown_grpo.get_config()), Arm("critique", countdown_critique.get_config())),
        series=("entropy/token_mean", "refinement/attempted", "validation/pass@1", "validation/pass@16"),
    )
