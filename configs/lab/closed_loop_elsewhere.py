"""The same controller on another task and with another size of the policy: nothing is set anew.

Run:  python -m entropy_rl.experiment --config=configs/lab/closed_loop_elsewhere.py --workdir=runs/lab
"""

from configs import countdown_grpo, maze_grpo
from configs.lab import _loops
from configs.lab._measures import mean
from entropy_rl.lab.verdicts import Bar
from entropy_rl.study import Arm, Study

SHARES = (0.3, 0.6)


def get_study() -> Study:
    tasks = {"countdown": countdown_grpo.get_config(), "maze": maze_grpo.get_config()}
    settings = {
        f"{task}, {size}, {share:.0%}": _loops.wide(held) if size == "wide" else held
        for task, run in tasks.items()
        for size in ("plain", "wide")
        for share in SHARES
        for held in (_loops.held(share, run, task),)
    }
    return Study(
        name="closed_loop_elsewhere",
        claim="One setting of the controller holds any target with two tasks and two sizes of the policy",
        source="ours",
        rows=(39,),
        note="Countdown 240 steps, mazes 120; the wide policy has four times the parameters and its own warm start.",
        bars=(
            *(Bar(f"largest |error|, {name}", _loops.worst(name, _loops.ERROR), high=0.05) for name in settings),
            *(Bar(f"settled, share of the run, {name}", mean(name, _loops.SETTLED), high=0.1) for name in settings),
        ),
        arms=tuple(Arm(name, setting) for name, setting in settings.items()),
        series=_loops.SERIES,
    )
