"""Annealing the entropy against holding it, and against letting it fall.

Run:  python -m entropy_rl.experiment --config=configs/lab/closed_loop_anneal.py --workdir=runs/lab
"""

from configs import countdown_grpo
from configs.lab import _loops
from configs.lab._measures import PASS_1, PASS_16, difference, of_the_best
from entropy_rl.closed_loop.targets import OfInitial
from entropy_rl.lab.verdicts import Bar, last
from entropy_rl.ops.schedules import Linear
from entropy_rl.study import Arm, Study

HOLDS = {f"held at {share:.0%}": share for share in (0.5, 0.35, 0.2, 0.15)}
LINE = "linear 100 to 15 %"


def get_study() -> Study:
    grpo = countdown_grpo.get_config()
    over_hold = of_the_best((LINE,), tuple(HOLDS), last("validation/pass@1", 3), PASS_1)
    line = _loops.looped(grpo, "countdown_annealed", OfInitial(Linear(1.0, 0.15, grpo.steps)))
    return Study(
        name="closed_loop_anneal",
        claim="Entropy that is annealed linearly beats entropy that is held, and keeps pass@k above GRPO's",
        source="Li et al. 2026 (Entrocraft), https://arxiv.org/abs/2604.26326",
        rows=(40,),
        note="Their lever is rejection; here the same self-tuned bonus serves every arm. A lower entropy in the end is "
        "more pass@1 by itself, so the holds go down to where the line ends. The hold is chosen on validation pass@1, "
        "for each seed by the four others, which was added after the runs (all five had chosen).",
        bars=(
            Bar("test pass@1 of the line - of the best hold", over_hold, low=0.0),
            Bar("test pass@16 of the line - GRPO", difference(LINE, "GRPO", PASS_16), low=0.03),
            Bar("test pass@1 of the line - GRPO", difference(LINE, "GRPO", PASS_1), decisive=False),
            *(
                Bar(f"test pass@1 of the line - {name}", difference(LINE, name, PASS_1), decisive=False)
                for name in HOLDS
            ),
        ),
        arms=(
            Arm("GRPO", grpo),
            *(Arm(name, _loops.held(share)) for name, share in HOLDS.items()),
            Arm(LINE, line),
        ),
        seeds=(1, 2, 3, 4, 5),
        figures=_loops.FIGURES,
        series=_loops.SERIES,
    )
