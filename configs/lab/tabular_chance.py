"""Is it the covariance, or merely a smaller update?

Run:  python -m entropy_rl.experiment --config=configs/lab/tabular_chance.py --workdir=runs/lab
"""

from configs.lab import _tabular
from configs.lab._measures import difference
from entropy_rl.controls.clip_cov import ClipCov
from entropy_rl.controls.random_control import RandomControl
from entropy_rl.lab import verdicts
from entropy_rl.lab.verdicts import Bar
from entropy_rl.study import Study

CLIP_COV, CHANCE = "Clip-Cov, 5 %", "random positive tokens, as much gradient"
ENTROPY, PASS_1, PASS_64 = (verdicts.last(key) for key in (_tabular.ENTROPY, _tabular.PASS_1, _tabular.PASS_64))


def get_study() -> Study:
    gate = ClipCov(fraction=0.05, max_fraction=0.1)
    placebo = RandomControl(matched=gate, max_fraction=0.1, match="gradient_norm")
    return _tabular.study(
        "chance",
        claim="Clip-Cov keeps entropy because of the covariance of the tokens that it leaves out, not because it "
        "leaves some out",
        source="ours; the control that https://arxiv.org/abs/2505.22617 lacks",
        rows=(18,),
        note="The placebo closes random tokens of right answers until as much squared gradient is gone. 400 steps.",
        bars=(
            Bar("entropy, Clip-Cov - placebo", difference(CLIP_COV, CHANCE, ENTROPY), low=0.0, whole=True),
            Bar("pass@1, Clip-Cov - placebo", difference(CLIP_COV, CHANCE, PASS_1), decisive=False),
            Bar("pass@64, Clip-Cov - placebo", difference(CLIP_COV, CHANCE, PASS_64), decisive=False),
            Bar("entropy, Clip-Cov - GRPO", difference(CLIP_COV, "GRPO", ENTROPY), decisive=False),
        ),
        arms=(
            _tabular.grpo(),
            _tabular.arm(CLIP_COV, "clip_cov_5_400", loss=_tabular.clipped(1.0, 1.0, gates=(gate,))),
            _tabular.arm(CHANCE, "clip_cov_placebo_400", loss=_tabular.clipped(1.0, 1.0, gates=(placebo,))),
        ),
    )
