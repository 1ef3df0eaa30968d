"""Advantages that favour uncertain tokens: more pass@k, and does entropy still collapse?

Run:  python -m entropy_rl.experiment --config=configs/lab/entropy_advantage.py --workdir=runs/lab
"""

from configs import countdown_entropy_advantage, countdown_grpo
from configs.lab._measures import LEFT, PASS_1, PASS_16, difference, mean
from entropy_rl.lab.verdicts import Bar
from entropy_rl.study import FIGURES, Arm, Study

SHAPED = "shaped, .4"


def get_study() -> Study:
    return Study(
        name="entropy_advantage",
        claim="advantages shaped by entropy lift pass@k, up to very large k",
        source="Cheng et al. 2025, Reasoning with Exploration, https://arxiv.org/abs/2506.14758",
        rows=(28,),
        note="One setting, that of GRPO in the paper: alpha .4, kappa 2. pass@16 in the place of pass@64. A re-run by "
        "others finds that entropy still collapses.",
        bars=(
            Bar("test pass@16, shaped - GRPO", difference(SHAPED, "GRPO", PASS_16), low=0.02),
            Bar("test pass@1, shaped - GRPO", difference(SHAPED, "GRPO", PASS_1), decisive=False),
            Bar("entropy left, shaped", mean(SHAPED, LEFT), decisive=False),
        ),
        arms=(Arm("GRPO", countdown_grpo.get_config()), Arm(SHAPED, countdown_entropy_advantage.get_config())),
        figures=(*FIGURES, ("entropy left", LEFT)),
    )
