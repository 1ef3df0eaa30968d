"""Countdown with three numbers: entropy is spent no faster than the forecast of the run's own ceiling says it pays.

Run:     python -m entropy_rl.train --config=countdown_closed_loop_budget --workdir=runs/countdown_closed_loop_budget
Result:  means of 20 steps lie within 7 % of the budget until step 200; then it falls faster than the entropy, which
         ends at .052 nats where .034 are allowed; test pass@1 .502, pass@16 .646 (1 seed; commit 6f45d6b, AMD EPYC)
"""

import dataclasses

from configs import countdown_closed_loop
from entropy_rl.closed_loop.targets import Budget
from entropy_rl.config import Config


def get_config() -> Config:
    run = countdown_closed_loop.get_config()
    loop = dataclasses.replace(run.closed_loop[0], target=Budget(steps=run.steps))
    return dataclasses.replace(run, name="countdown_closed_loop_budget", closed_loop=(loop,))
