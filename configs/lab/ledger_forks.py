"""Reinforcement learning keeps the base's forking positions: the fifth of the states with the highest entropy.

Run:  python -m entropy_rl.experiment --config=configs/lab/ledger_forks.py --workdir=runs/lab
"""

from configs.lab import _ledger
from configs.lab._measures import mean
from entropy_rl.lab import verdicts
from entropy_rl.lab.verdicts import Bar
from entropy_rl.study import Arm, Study

OVERLAP = verdicts.last("probe/fork_overlap")


def get_study() -> Study:
    return Study(
        name="ledger_forks",
        claim="at convergence, more than 86 % of the fifth of positions with the highest entropy are the base's",
        source="Wang et al. 2025, Beyond the 80/20 rule, https://arxiv.org/abs/2506.01939",
        rows=(26,),
        note="The base's own 512 answers to validation problems, scored again at each validation; chance gives .2.",
        bars=(
            Bar("overlap with the base's forks after 240 steps", mean("GRPO", OVERLAP), low=0.7),
            Bar("entropy left at the base's forks, nats/token", mean("GRPO", verdicts.last("probe/fork_entropy")),
                decisive=False),
        ),
        arms=(Arm("GRPO", _ledger.grpo()), Arm("Lp-Reg", _ledger.lp_reg())),
        figures=(("overlap", OVERLAP), ("entropy at the base's forks", verdicts.last("probe/fork_entropy"))),
        series=("probe/fork_overlap", "probe/fork_entropy"),
    )  # fmt: skip
