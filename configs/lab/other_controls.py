"""The easy task and the short budget again, with controls that do not look at the covariance.

Run:  python -m entropy_rl.experiment --config=configs/lab/other_controls.py --workdir=runs/lab
"""

from configs import (
    countdown_clip_higher,
    countdown_entropy_bonus,
    countdown_grpo,
    countdown_nsr,
    countdown_w_reinforce,
)
from configs.lab import where_control_does_not_pay
from configs.lab._measures import PASS_1, PASS_16, share
from entropy_rl.lab.verdicts import Bar, Results
from entropy_rl.study import Arm, Study

CONTROLS = ("clip-higher", "bonus", "NSR", "W-REINFORCE")


def pays(results: Results, arm: str) -> bool | None:
    """Whether a control buys 3 points of pass@16 without a point of pass@1."""
    found = [results.difference(arm, "GRPO", figure) for figure in (PASS_16, PASS_1)]
    return None if not all(one.n for one in found) else found[0].mean >= 0.03 and found[1].mean >= -0.01


def get_study() -> Study:
    told = (bar for arm in CONTROLS for bar in where_control_does_not_pay.bars(arm, decisive=False))
    return Study(
        name="other_controls",
        claim="clip-higher, a bonus or negative samples buy pass@k without costing pass@1",
        source="DAPO, https://arxiv.org/abs/2503.14476; Negative Reinforcement, https://arxiv.org/abs/2506.01347",
        rows=(17,),
        note="Three numbers, 240 steps; the settings of the presets.",
        bars=(Bar("share of the controls that do", share(CONTROLS, pays), low=0.25), *told),
        arms=(
            Arm("GRPO", countdown_grpo.get_config()),
            Arm("clip-higher", countdown_clip_higher.get_config()),
            Arm("bonus", countdown_entropy_bonus.get_config()),
            Arm("NSR", countdown_nsr.get_config()),
            Arm("W-REINFORCE", countdown_w_reinforce.get_config()),
        ),
    )
