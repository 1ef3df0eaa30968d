"""Rare tokens of right answers go out; Lp-Reg is to keep them.

Run:  python -m entropy_rl.experiment --config=configs/lab/tabular_sparks.py --workdir=runs/lab
"""

from configs.lab import _tabular
from configs.lab._measures import mean
from entropy_rl.controls.lp_reg import LpReg
from entropy_rl.lab import verdicts
from entropy_rl.lab.verdicts import Bar
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.losses.switch import Switch
from entropy_rl.losses.unclipped import UnclippedSurrogate
from entropy_rl.study import Arm, Study

SURVIVAL, EVERYWHERE = verdicts.last("tabular/survival_first"), verdicts.last("tabular/survival")
PERCENTS = (1, 5, 20)


def lp_reg(percent: int) -> Arm:
    rare = LpReg(fraction=percent / 100, max_fraction=0.2)
    loss = PolicyLoss(surrogate=Switch(rare, UnclippedSurrogate(), ClippedSurrogate(1.0, 9.0)), penalties=(rare,))
    return _tabular.arm(label(percent), f"lp_reg_{percent}", loss=loss)


def label(percent: int) -> str:
    return f"Lp-Reg, {percent} %"


def get_study() -> Study:
    names = [label(percent) for percent in PERCENTS]
    kept = _tabular.best(names, lambda results, name: results.ratio(name, "GRPO", SURVIVAL))
    return _tabular.study(
        "sparks",
        claim="RL puts out the rare tokens that start right answers; Lp-Reg keeps them",
        source="Huang et al. 2025, https://arxiv.org/abs/2510.03222",
        rows=(34,),
        note="First tokens on right paths whose probability is .01 to .1 at the start, and still at least .01 after "
        "400 steps. Published fraction: 1 % of the tokens of wrong answers; here 5 and 20 % as well. In a table deeper "
        "states that nobody visits keep all their tokens, so only the first token is judged.",
        bars=(
            Bar("share of such tokens alive, best Lp-Reg / GRPO", kept, low=2.0),
            *(Bar(f"share alive, {name}", mean(name, SURVIVAL), decisive=False) for name in ("GRPO", *names)),
            Bar("share alive at all depths, GRPO", mean("GRPO", EVERYWHERE), decisive=False),
        ),
        arms=(_tabular.grpo(), *(lp_reg(percent) for percent in PERCENTS)),
        series=("tabular/survival_first", _tabular.ENTROPY, _tabular.PASS_1),
    )
