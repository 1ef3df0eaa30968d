"""Advantages that praise uncertainty.

Run:  python -m entropy_rl.experiment --config=configs/lab/tabular_entropy_advantage.py --workdir=runs/lab
"""

from configs.lab import _tabular
from configs.lab._measures import ratio
from entropy_rl.controls.shaped_advantage import EntropyAdvantage
from entropy_rl.lab import verdicts
from entropy_rl.lab.verdicts import Bar
from entropy_rl.study import Arm, Study

GRID = ((0.1, 2.0), (0.4, 2.0), (1.0, 2.0), (0.4, 1.2))
PASS_64, ENTROPY = verdicts.last(_tabular.PASS_64), verdicts.last(_tabular.ENTROPY)


def shaped(alpha: float, kappa: float) -> Arm:
    loss = _tabular.clipped(shapers=(EntropyAdvantage(alpha=alpha, kappa=kappa),))
    return _tabular.arm(label(alpha, kappa), f"entropy_advantage_{alpha:g}_{kappa:g}", loss=loss)


def label(alpha: float, kappa: float) -> str:
    return f"alpha {alpha:g}, kappa {kappa:g}"


def get_study() -> Study:
    names = [label(*setting) for setting in GRID]
    best = _tabular.best(names, lambda results, name: results.difference(name, "GRPO", PASS_64))
    return _tabular.study(
        "entropy_advantage",
        claim="Adding entropy to the advantage widens pass@k",
        source="Cheng et al. 2025, https://arxiv.org/abs/2506.14758",
        rows=(28,),
        note="400 steps. In a re-run elsewhere entropy still collapsed.",
        bars=(
            Bar("pass@64, best setting - GRPO", best, low=0.02),
            *(Bar(f"entropy, {name} / GRPO", ratio(name, "GRPO", ENTROPY), decisive=False) for name in names),
        ),
        arms=(_tabular.grpo(), *(shaped(*setting) for setting in GRID)),
    )
