"""What the law promises at entropy 0, and what the run reaches.

Run:  python -m entropy_rl.experiment --config=configs/lab/tabular_ceiling.py --workdir=runs/lab
"""

from configs.lab import _tabular
from configs.lab._measures import mean
from entropy_rl.lab import law
from entropy_rl.lab.runs import Run
from entropy_rl.lab.verdicts import Bar
from entropy_rl.study import Study


def miss(run: Run) -> float:
    """|ceiling of the law through all points - best reward|."""
    return abs(ceiling(run) - float(_tabular.curve(run)[2].max()))


def ceiling(run: Run) -> float:
    _, entropies, rewards = _tabular.curve(run)
    return law.fit_law(entropies, rewards).ceiling


def get_study() -> Study:
    return _tabular.study(
        "ceiling",
        claim="At entropy 0 the reward is b - a: the ceiling is known from the law",
        source=_tabular.PAPER,
        rows=(4,),
        bars=(
            Bar("|ceiling - best pass@1|", mean("GRPO", miss), high=0.03),
            Bar("ceiling of the law", mean("GRPO", ceiling), decisive=False),
        ),
        arms=(_tabular.grpo(800),),
    )
