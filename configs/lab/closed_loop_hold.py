"""Any entropy is held, any line followed, and what cannot be had is said: one setting, two bases, three seeds.

Run:  python -m entropy_rl.experiment --config=configs/lab/closed_loop_hold.py --workdir=runs/lab
"""

from configs import countdown_grpo
from configs.lab import _loops
from configs.lab._measures import PASS_1, mean, ratio
from entropy_rl.closed_loop.targets import OfInitial
from entropy_rl.lab.verdicts import Bar
from entropy_rl.ops.schedules import Controlled, Linear
from entropy_rl.study import Arm, Study

SHARES = (0.2, 0.35, 0.5, 0.7, 0.9)
ANNEAL, BEYOND = "anneal 1 to .15", "asked for 3 times the start"


def get_study() -> Study:
    grpo = countdown_grpo.get_config()
    line = OfInitial(Linear(1.0, 0.15, grpo.steps))
    weak = Controlled("bonus", low=-0.05, high=0.05)
    arms = (
        Arm("GRPO", grpo),
        *(Arm(f"{share:.0%}", _loops.held(share)) for share in SHARES),
        Arm(ANNEAL, _loops.looped(grpo, "countdown_annealed", line)),
        Arm(BEYOND, _loops.looped(grpo, "countdown_out_of_reach", OfInitial(3.0), weak)),
    )
    return Study(
        name="closed_loop_hold",
        claim="An entropy is a quantity that a user sets: held within 5 %, settled in a tenth of the run, followed "
        "along a line, and an impossible one reported, without gains to tune",
        source="ours; the idea of a held entropy is that of https://arxiv.org/abs/2511.15248",
        rows=(39,),
        note="240 steps. The error is that of the mean entropy of rollouts over the last half; one rollout's own "
        "standard error is 3 to 10 %. The bonus may move in [-1, 1]; beyond reach in [-.05, .05]. The controller's "
        "pace, lead and slew were set on runs of 100 steps at 20 and 50 % with seed 0, which takes no part here.",
        bars=(
            *(Bar(f"largest |error| of a run at {share:.0%}", _loops.worst(f"{share:.0%}", _loops.ERROR), high=0.05)
              for share in SHARES),
            *(Bar(f"settled at {share:.0%}, share of the run", mean(f"{share:.0%}", _loops.SETTLED), high=0.1)
              for share in SHARES),
            Bar("the line: largest distance of a mean of 20 steps, of the initial entropy",
                _loops.worst(ANNEAL, _loops.OFF_TRACK), high=0.05),
            Bar("beyond reach: share of the runs that name it", mean(BEYOND, _loops.FLAGGED), low=1.0),
            Bar("beyond reach: test pass@1 over GRPO's", ratio(BEYOND, "GRPO", PASS_1), low=0.8),
            *(Bar(f"largest error of a mean of 20 steps at {share:.0%}", mean(f"{share:.0%}", _loops.WANDERING),
                  decisive=False) for share in SHARES),
        ),
        arms=arms,
        seeds=(1, 2, 3),
        bases=(0, 1),
        series=_loops.SERIES,
    )  # fmt: skip
