"""Execution settles first, planning later; and more credit for planning tokens helps.

Run:  python -m entropy_rl.experiment --config=configs/lab/planning_tokens.py --workdir=runs/lab
"""

import math

import numpy as np

from configs import countdown_grpo, countdown_hicra
from configs.lab._measures import PASS_1, difference, mean
from entropy_rl.lab import verdicts
from entropy_rl.lab.runs import Run
from entropy_rl.lab.verdicts import Bar, Figure
from entropy_rl.problem import Role
from entropy_rl.study import FIGURES, Arm, Study
from entropy_rl.tasks.countdown import Countdown

TASK = Countdown()


def role_entropy(run: Run, role: Role) -> tuple[np.ndarray, np.ndarray]:
    """Steps, and the mean entropy of the tokens of a role in the samples that were kept at each."""
    found: dict[int, list[float]] = {}
    for sample in run.samples:
        for response in sample["responses"]:
            symbols = [token.strip() for token in response["tokens"]]
            roles = TASK.notation.roles(symbols, TASK.operators)
            pairs = zip(roles, response["entropies"], strict=True)
            found.setdefault(int(sample["step"]), []).extend(entropy for label, entropy in pairs if label is role)
    steps = np.array(sorted(found))
    return steps, np.array([np.mean(found[step]) for step in steps])


def settled(role: Role) -> Figure:
    """The step at which a role's entropy reaches a fifth of its first value; infinite if it never does."""

    def figure(run: Run) -> float:
        steps, entropies = role_entropy(run, role)
        reached = steps[entropies <= entropies[0] / 5] if len(steps) else steps
        return float(reached[0]) if len(reached) else math.inf

    return figure


def first(role: Role) -> Figure:
    return lambda run: float(role_entropy(run, role)[1][0])


def execution_first(run: Run) -> float:
    """1 if execution settles in at most half of the steps that planning takes; 0 otherwise, or where it never does."""
    execution, planning = settled(Role.EXECUTION)(run), settled(Role.PLANNING)(run)
    return float(execution <= planning / 2 and math.isfinite(execution))


def get_study() -> Study:
    return Study(
        name="planning_tokens",
        claim="entropy of execution tokens falls first, planning is explored later; amplifying planning tokens (HICRA) "
        "beats GRPO",
        source="Wang et al. 2025 (HICRA), https://arxiv.org/abs/2509.03646",
        rows=(33,),
        note="Token entropies of the kept samples (3 problems with 8 answers each, every 20 steps, those with mixed "
        "outcomes first). Planning: operands and operators; execution: the rest of a step. The base was taught right "
        "arithmetic, so that execution begins almost settled. The first bar was written as a ratio of steps; it became "
        "this share when execution never settled in any run, so that there was no ratio.",
        bars=(
            Bar(
                "share of runs in which execution settles in half of planning's steps", mean("GRPO", execution_first), 1
            ),
            Bar("test pass@1, HICRA - GRPO", difference("HICRA", "GRPO", PASS_1), low=0.0),
            Bar("entropy of execution at the first step", mean("GRPO", first(Role.EXECUTION)), decisive=False),
            Bar("entropy of planning at the first step", mean("GRPO", first(Role.PLANNING)), decisive=False),
        ),
        arms=(Arm("GRPO", countdown_grpo.get_config()), Arm("HICRA", countdown_hicra.get_config())),
        figures=(*FIGURES, ("entropy, last step", verdicts.last("entropy/token_mean"))),
    )
