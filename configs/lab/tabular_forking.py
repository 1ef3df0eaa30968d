"""Learning from the most uncertain fifth of the tokens alone.

Run:  python -m entropy_rl.experiment --config=configs/lab/tabular_forking.py --workdir=runs/lab
"""

from configs.lab import _tabular
from configs.lab._measures import difference
from entropy_rl.controls.forking import ForkingTokens
from entropy_rl.controls.random_control import RandomControl
from entropy_rl.lab import verdicts
from entropy_rl.lab.verdicts import Bar
from entropy_rl.study import Arm, Study

PASS_1 = verdicts.last(_tabular.PASS_1)


def top(percent: int, side: str = "top") -> Arm:
    gate = ForkingTokens(fraction=percent / 100, side=side)
    return _tabular.arm(f"{side} {percent} %", f"forking_{side}_{percent}", loss=_tabular.clipped(gates=(gate,)))


def chance() -> Arm:
    """The gate does not divide by the kept tokens, so the rate does."""
    gate = RandomControl(fraction=0.8, max_fraction=1.0, side="both")
    loss = _tabular.clipped(gates=(gate,))
    return _tabular.arm("random 20 %", "forking_random_20", loss=loss, learning_rate=2.5)


def get_study() -> Study:
    return _tabular.study(
        "forking",
        claim="The 20 % of tokens with the highest entropy teach as much as all; the other 80 % do harm",
        source="Wang et al. 2025, https://arxiv.org/abs/2506.01939",
        rows=(25,),
        note="Equal steps; the loss is divided by the kept tokens.",
        bars=(
            Bar("pass@1, top 20 % - all", difference("top 20 %", "GRPO", PASS_1), low=-0.02),
            Bar("pass@1, top 20 % - random 20 %", difference("top 20 %", "random 20 %", PASS_1), low=0.0, whole=True),
            Bar("pass@1, random 20 % - bottom 80 %", difference("random 20 %", "bottom 80 %", PASS_1), 0.0, whole=True),
            Bar("pass@1, top 50 % - all", difference("top 50 %", "GRPO", PASS_1), decisive=False),
        ),
        arms=(_tabular.grpo(), top(10), top(20), top(50), top(80, "bottom"), chance()),
    )
