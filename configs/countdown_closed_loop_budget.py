"""Countdown with three numbers: entropy is spent no faster than the forecast of the run's own ceiling says it pays.

Run:     python -m entropy_rl.train --config=countdown_closed_loop_budget --workdir=runs/countdown_closed_loop_budget
Result:  not yet measured
"""

import dataclasses

from configs import countdown_closed_loop
from entropy_rl.closed_loop.targets import Budget
from entropy_rl.config import Config


def get_config() -> Config:
    run = countdown_closed_loop.get_config()
    loop = dataclasses.replace(run.closed_loop[0], target=Budget(steps=run.steps))
    return dataclasses.replace(run, name="countdown_closed_loop_budget", closed_loop=(loop,))
