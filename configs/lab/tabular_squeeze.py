"""Reinforcement squeezes, demonstrations expand: which answers are left among 256 samples?

Run:  python -m entropy_rl.experiment --config=configs/lab/tabular_squeeze.py --workdir=runs/lab
"""

from configs.lab import _tabular
from configs.lab._measures import mean
from entropy_rl.lab import verdicts
from entropy_rl.lab.verdicts import Bar, Figure
from entropy_rl.study import Arm, Study
from entropy_rl.tabular.squeeze import Squeeze

RIGHT, WRONG = "tabular/distinct_right", "tabular/distinct_wrong"


def change(metric: str) -> Figure:
    """Last less first, as a share of the first."""
    return lambda run: verdicts.over(verdicts.last(metric), verdicts.first(metric))(run) - 1.0


def get_study() -> Study:
    return _tabular.study(
        "squeeze",
        claim="Reinforcement compresses wrong trajectories and some right ones; supervised tuning expands right ones",
        source="https://arxiv.org/abs/2509.21128",
        rows=(36,),
        note="Expected gradients, no sampling: 200 steps of imitation of all right answers, of policy gradient, or of "
        "the second after the first. Expected numbers of different answers among 256 samples.",
        bars=(
            Bar("change of different wrong answers, reinforcement", mean("RL", change(WRONG)), high=-0.3),
            Bar("change of different right answers, reinforcement", mean("RL", change(RIGHT)), high=0.0),
            Bar("change of different right answers, demonstrations", mean("SFT", change(RIGHT)), low=0.0),
            Bar("different right answers of 6 at the start", mean("RL", verdicts.first(RIGHT)), decisive=False),
            *(
                Bar(f"different right answers of 6 at the end, {arm}", mean(arm, verdicts.last(RIGHT)), decisive=False)
                for arm in ("RL", "SFT", "SFT, then RL")
            ),
        ),
        arms=(
            Arm("RL", Squeeze("tabular_squeeze_rl", 0, 200)),
            Arm("SFT", Squeeze("tabular_squeeze_sft", 200, 0)),
            Arm("SFT, then RL", Squeeze("tabular_squeeze_both", 200, 200)),
        ),
        series=(RIGHT, WRONG, _tabular.PASS_1),
    )
