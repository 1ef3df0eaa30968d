"""The same controller on another task and with another size of the policy: nothing is set anew.

Run:  python -m entropy_rl.experiment --config=configs/lab/closed_loop_elsewhere.py --workdir=runs/lab
"""

from configs.lab import _loops
from entropy_rl.lab.verdicts import Bar
from entropy_rl.study import Arm, Study

SHARES = (0.35, 0.7)


def get_study() -> Study:
    settings = {
        f"{place}, {share:.0%}": held
        for place in _loops.PLACES
        for share in SHARES
        for held in (_loops.at(place, share),)
    }
    return Study(
        name="closed_loop_elsewhere",
        claim="One setting of the controller holds any target with two tasks and two sizes of the policy",
        source="ours",
        rows=(39,),
        note="240 steps of Countdown and of mazes; the wide policy has four times the parameters and a warm start of "
        "its own. Mazes were given 240 steps instead of 120 before the runs.",
        bars=(
            *(Bar(f"largest |error|, {name}", _loops.worst(name, _loops.ERROR), high=0.05) for name in settings),
            *(Bar(f"latest to settle, share of the run, {name}", _loops.worst(name, _loops.SETTLED), high=0.1)
              for name in settings),
            *(Bar(f"largest error of a mean of 20 steps, {name}", _loops.worst(name, _loops.WANDERING), decisive=False)
              for name in settings),
        ),
        arms=tuple(Arm(name, setting) for name, setting in settings.items()),
        seeds=(1, 2, 3),
        figures=_loops.FIGURES,
        series=_loops.SERIES,
    )  # fmt: skip
