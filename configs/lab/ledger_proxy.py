"""The covariance that public code logs, of sampled tokens, is a proxy of what entropy does at the same states.

Run:  python -m entropy_rl.experiment --config=configs/lab/ledger_proxy.py --workdir=runs/lab
"""

from collections.abc import Callable

from configs.lab import _ledger
from configs.lab._ledger import CHANGE, FIRST_ORDER
from configs.lab._measures import mean
from entropy_rl.lab import verdicts
from entropy_rl.lab.runs import Run
from entropy_rl.lab.verdicts import Bar, Estimate, Figure, Results
from entropy_rl.study import Arm, Study

PROXY, DISCRIMINATOR = "ledger/proxy/covariance", "ledger/proxy/discriminator"
TRUE = _ledger.correlation(FIRST_ORDER, CHANGE)


def falls_with(name: str) -> Figure:
    """Correlation of a metric with the fall of entropy."""
    return lambda run: -_ledger.correlation(name, CHANGE)(run)


def positive(run: Run) -> float:
    """Share of the steps whose covariance is above 0."""
    return float((run.series(PROXY)[1] > 0).mean())


def gap(first: Figure, second: Figure) -> Callable[[Results], Estimate]:
    """Of two figures of the same run."""
    return lambda results: verdicts.estimate(first(run) - second(run) for run in results.of("GRPO"))


def get_study() -> Study:
    return Study(
        name="ledger_proxy",
        claim="ours: the covariance of sampled tokens, as shipped, is only a proxy of the fall of entropy (expected "
        "correlation .3 to .7), though it stays positive",
        source="ours, of what ships with Cui et al. 2025, https://arxiv.org/abs/2505.22617",
        rows=(11, 12),
        note="Per step, not smoothed; both sides at the same states, before and after the step's updates. The lab's "
        "probe found .41 to .60 for the covariance and .69 to .77 for pi (log pi + H) A.",
        bars=(
            Bar("correlation of the covariance with the fall", mean("GRPO", falls_with(PROXY)), low=0.3, high=0.7),
            Bar("correlation of the first order, less that", gap(TRUE, falls_with(PROXY)), low=0.1, whole=True),
            Bar("share of steps with a positive covariance", mean("GRPO", positive), low=0.95),
        ),
        arms=(Arm("GRPO", _ledger.grpo()),),
        figures=(
            ("correlation, covariance of sampled tokens", falls_with(PROXY)),
            ("correlation, pi (log pi + H) A", falls_with(DISCRIMINATOR)),
            ("correlation, first order", TRUE),
            ("slope of the change on the first order", _ledger.slope(CHANGE, FIRST_ORDER)),
        ),
        series=(PROXY, CHANGE, FIRST_ORDER),
    )
