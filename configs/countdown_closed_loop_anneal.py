"""Countdown with three numbers: the entropy falls in a straight line to 15 % of what it was, whatever the policy wants.

Run:     python -m entropy_rl.train --config=countdown_closed_loop_anneal --workdir=runs/countdown_closed_loop_anneal
Result:  not yet measured
"""

import dataclasses

from configs import countdown_closed_loop
from entropy_rl.closed_loop.targets import OfInitial
from entropy_rl.config import Config
from entropy_rl.ops.schedules import Linear


def get_config() -> Config:
    run = countdown_closed_loop.get_config()
    loop = dataclasses.replace(run.closed_loop[0], target=OfInitial(Linear(1.0, 0.15, run.steps)))
    return dataclasses.replace(run, name="countdown_closed_loop_anneal", closed_loop=(loop,))
