"""The forks of the trained policy are those of the base.

Run:  python -m entropy_rl.experiment --config=configs/lab/tabular_fork_overlap.py --workdir=runs/lab
"""

from configs.lab import _tabular
from configs.lab._measures import mean
from entropy_rl.lab import verdicts
from entropy_rl.lab.verdicts import Bar
from entropy_rl.study import Study

OVERLAP = "tabular/fork_overlap"


def get_study() -> Study:
    return _tabular.study(
        "fork_overlap",
        claim="RL keeps 86 % of the base's forking positions, the fifth of the tokens with the highest entropy",
        source="Wang et al. 2025, https://arxiv.org/abs/2506.01939",
        rows=(26,),
        note="Of the tokens sampled in a step: top fifth by the entropy of the policy, and by that of the first one.",
        bars=(
            Bar("overlap, mean of the last 20 enumerated steps", mean("GRPO", verdicts.last(OVERLAP, 20)), low=0.7),
            Bar("overlap, first step", mean("GRPO", verdicts.first(OVERLAP)), decisive=False),
        ),
        arms=(_tabular.grpo(),),
        series=(OVERLAP, _tabular.ENTROPY),
    )
