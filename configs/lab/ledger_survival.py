"""Rare tokens of right answers die out, and Lp-Reg saves them.

Run:  python -m entropy_rl.experiment --config=configs/lab/ledger_survival.py --workdir=runs/lab
"""

from configs.lab import _ledger
from configs.lab._measures import mean, ratio
from entropy_rl.lab import verdicts
from entropy_rl.lab.verdicts import Bar
from entropy_rl.study import FIGURES, Arm, Study

SURVIVAL, MOVED = verdicts.last("probe/rare_survival"), verdicts.last("probe/rare_log_ratio")


def get_study() -> Study:
    return Study(
        name="ledger_survival",
        claim="low-probability tokens are extinguished; Lp-Reg keeps them",
        source="Huang et al. 2025, Low-probability tokens sustain exploration, https://arxiv.org/abs/2510.03222",
        rows=(34,),
        note="Tokens of the base's own right answers to which it gave 1 to 10 %; alive is what still has at least 1 %. "
        "The claim's figure is the lab's: twice as many.",
        bars=(
            Bar("survivors after 240 steps, Lp-Reg over GRPO", ratio("Lp-Reg", "GRPO", SURVIVAL), low=2.0),
            Bar("survivors after 240 steps, GRPO", mean("GRPO", SURVIVAL), high=0.5),
        ),
        arms=(Arm("GRPO", _ledger.grpo()), Arm("Lp-Reg", _ledger.lp_reg())),
        figures=(*FIGURES, ("survivors", SURVIVAL), ("mean change of their log-probability, nats", MOVED)),
        series=("probe/rare_survival", "probe/rare_log_ratio"),
    )
