"""Where control pays on the hard tier: the runs of the headline study, read where a shorter budget would have ended.

Run:  python -m entropy_rl.experiment --config=configs/lab/control_by_budget.py --workdir=runs/lab

With where_control_does_not_pay.py, which reads the easy tier, this is the map in docs/lab.md. No run is its own.
"""

import dataclasses

from configs.lab import headline
from configs.lab._measures import by_budget
from entropy_rl.study import Study

BUDGETS = (200, 400, 800, 1600)


def get_study() -> Study:
    return dataclasses.replace(
        headline.get_study(),
        name="control_by_budget",
        claim="no claim: a map of the budgets at which a control has paid",
        source="configs/lab/headline.py",
        note="A cut run is the run with that budget: nothing in these configs reads the number of steps but the end. "
        "Validation, 256 problems, one measurement for each run. All 20 pairs count as independent, which says too "
        "much.",
        bars=by_budget(("Clip-Cov", "KL-Cov"), "GRPO", BUDGETS),
        series=(),
    )
