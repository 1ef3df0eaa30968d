"""Hold the entropy, or let it down slowly?

Run:  python -m entropy_rl.experiment --config=configs/lab/tabular_anneal.py --workdir=runs/lab
"""

from configs.lab import _tabular, tabular_control
from configs.lab._measures import difference
from entropy_rl.lab import verdicts
from entropy_rl.lab.verdicts import Bar, Estimate, Results
from entropy_rl.ops.schedules import Linear
from entropy_rl.study import Study

PASS_1, PASS_64, MODES = (verdicts.last(key) for key in (_tabular.PASS_1, _tabular.PASS_64, _tabular.MODES))
STEPS = tabular_control.STEPS
ANNEALED = "annealed from .6 to .05"


def over_best_hold(results: Results) -> Estimate:
    holds = list(tabular_control.HELD)
    if not all(results.of(name) for name in holds):
        return Estimate()
    return results.difference(ANNEALED, max(holds, key=lambda name: results.mean(name, PASS_1).mean), PASS_1)


def get_study() -> Study:
    target = Linear(0.6, 0.05, STEPS)
    return _tabular.study(
        "anneal",
        claim="A target that falls in a straight line beats every constant one, and keeps pass@k",
        source="Entrocraft, https://arxiv.org/abs/2604.26326",
        rows=(40,),
        note="800 steps. Known before: GRPO ends this table at a pass@64 of about .99, which leaves 1 point, so the "
        "bar of 3 points cannot be met here; effective right answers are told beside it.",
        bars=(
            Bar("pass@1, annealed - best hold", over_best_hold, low=0.0),
            Bar("pass@64, annealed - GRPO", difference(ANNEALED, "GRPO", PASS_64), low=0.03),
            Bar("pass@1, annealed - GRPO", difference(ANNEALED, "GRPO", PASS_1), decisive=False),
            Bar("right answers in use, annealed - GRPO", difference(ANNEALED, "GRPO", MODES), decisive=False),
        ),
        arms=(
            _tabular.grpo(STEPS),
            *(tabular_control.held(name, hold) for name, hold in tabular_control.HELD.items()),
            tabular_control.held(ANNEALED, target, name="annealed"),
        ),
    )
