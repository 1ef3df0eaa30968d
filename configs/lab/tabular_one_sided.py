"""Which half of the advantages drives the collapse?

Run:  python -m entropy_rl.experiment --config=configs/lab/tabular_one_sided.py --workdir=runs/lab
"""

from configs.lab import _tabular
from configs.lab._measures import difference, ratio
from entropy_rl.advantages.grpo import GroupNormalized
from entropy_rl.lab import verdicts
from entropy_rl.lab.verdicts import Bar
from entropy_rl.study import Study
from entropy_rl.tabular.one_sided import OneSided

ENTROPY, PASS_1 = verdicts.last(_tabular.ENTROPY), verdicts.last(_tabular.PASS_1)
UP, DOWN = "A >= 0 alone", "A <= 0 alone"


def get_study() -> Study:
    return _tabular.study(
        "one_sided",
        claim="Positive advantages drive the collapse: without them entropy stays at .884, with them alone it is gone",
        source="https://arxiv.org/abs/2511.05993",
        rows=(30,),
        note="After 400 steps.",
        bars=(
            Bar("entropy, A <= 0 alone / A >= 0 alone", ratio(DOWN, UP, ENTROPY), low=3.0),
            Bar("pass@1, A <= 0 alone - A >= 0 alone", difference(DOWN, UP, PASS_1), decisive=False),
        ),
        arms=(
            _tabular.grpo(),
            _tabular.arm(UP, "positive_advantages", advantages=OneSided(GroupNormalized(), True)),
            _tabular.arm(DOWN, "negative_advantages", advantages=OneSided(GroupNormalized(), False)),
        ),
    )
