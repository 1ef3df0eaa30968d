"""Figures of a run that several studies read."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy import stats

from entropy_rl.lab import budget, fits, rivals, verdicts
from entropy_rl.lab.runs import Run
from entropy_rl.lab.verdicts import Estimate, Figure, Results

ENTROPY, REWARD = "entropy/token_mean", "reward/mean"
PASS_1, PASS_16 = verdicts.test("pass@1"), verdicts.test("pass@16")
TEST_ENTROPY = verdicts.test("entropy")
LEFT = verdicts.over(TEST_ENTROPY, verdicts.base("entropy"))  # of the base's entropy, on the test


def difference(arm: str, other: str, figure: Figure) -> Callable[[Results], Estimate]:
    """arm - other, for a bar."""
    return lambda results: results.difference(arm, other, figure)


def ratio(arm: str, other: str, figure: Figure) -> Callable[[Results], Estimate]:
    """arm / other, for a bar."""
    return lambda results: results.ratio(arm, other, figure)


def mean(arm: str, figure: Figure) -> Callable[[Results], Estimate]:
    """Of an arm, for a bar."""
    return lambda results: results.mean(arm, figure)


def smoothed(run: Run) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Steps, entropies and rewards of training, moving means of 7 steps."""
    steps, entropies, rewards = run.table(ENTROPY, REWARD)
    return steps, fits.smooth(entropies), fits.smooth(rewards)


def spearman(run: Run) -> float:
    """Rank correlation of the step and the smoothed entropy."""
    steps, entropies, _ = smoothed(run)
    return float(np.asarray(stats.spearmanr(steps, entropies))[0])


def spent(fraction: float) -> Figure:
    """Share of the run's fall of entropy by a fraction of its steps."""
    return lambda run: budget.budget(*run.table(ENTROPY, REWARD), fractions=(fraction,))[0].spent


def gained(fraction: float) -> Figure:
    """Share of the run's gain of reward by a fraction of its steps."""
    return lambda run: budget.budget(*run.table(ENTROPY, REWARD), fractions=(fraction,))[0].gained


def fit(form: str, part: str) -> Figure:
    """A number of one of the curves through a run, such as "exp(H)" and "r2"."""

    def figure(run: Run) -> float:
        found = rivals.of_run(run)
        return float(getattr(found[form], part)) if found else math.nan

    return figure


def coefficient(name: str) -> Figure:
    """a or b of R = b - a exp(H)."""

    def figure(run: Run) -> float:
        found = rivals.of_run(run)
        if found is None:
            return math.nan
        b, negative_a = found["exp(H)"].coefficients
        return b if name == "b" else -negative_a

    return figure


def pooled_r2(results: Results, arms: Sequence[str]) -> float:
    """R2 of one law through the smoothed points of all runs of some arms."""
    points = [smoothed(run)[1:] for arm in arms for run in results.of(arm)]
    if not points or any(not results.of(arm) for arm in arms):
        return math.nan
    entropies, rewards = (np.concatenate(values) for values in zip(*points, strict=True))
    columns = np.stack([np.ones_like(entropies), np.exp(entropies)], axis=1)
    left = rewards - columns @ np.linalg.lstsq(columns, rewards, rcond=None)[0]
    return float(1 - (left**2).sum() / ((rewards - rewards.mean()) ** 2).sum())


def steps_to(metric: str, level: float) -> Figure:
    """The first step at which a metric, smoothed over 7 steps, reaches a level; infinite if it never does."""

    def figure(run: Run) -> float:
        steps, values = run.series(metric)
        reached = steps[fits.smooth(values) >= level] if len(steps) else steps
        return float(reached[0]) if len(reached) else math.inf

    return figure


def at_matched_pass_1(arm: str, other: str, key: str) -> Callable[[Results], Estimate]:
    """arm - other in a validation figure, each read where it first reaches the pass@1 that both reach.

    Of each pair of runs that is the lower of their two best validations.
    """

    def measured(results: Results) -> Estimate:
        ours, theirs = results.runs.get(arm, {}), results.runs.get(other, {})
        gaps = []
        for pair in (tuple(runs[shared] for runs in (ours, theirs)) for shared in ours if shared in theirs):
            tables = [run.table("validation/pass@1", f"validation/{key}") for run in pair]
            level = min(float(scores.max()) for _, scores, _ in tables)
            mine, its = (float(values[scores >= level][0]) for _, scores, values in tables)
            gaps.append(mine - its)
        return verdicts.estimate(gaps)

    return measured


def share(arms: Sequence[str], holds: Callable[[Results, str], bool | None]) -> Callable[[Results], Estimate]:
    """Of some arms, the share of which something holds; not measured until it is known of each."""

    def measured(results: Results) -> Estimate:
        known = [holds(results, arm) for arm in arms]
        return Estimate() if None in known else Estimate(known.count(True) / len(known), n=len(known))

    return measured


def among(arms: Sequence[str]) -> float:
    """The level of one of several intervals, such that with .95 none of them misses by chance (Bonferroni)."""
    return 1 - (1 - verdicts.LEVEL) / len(arms)


def contains_zero(found: Estimate) -> bool | None:
    """Whether an interval does not tell a difference from none; None where there is no interval."""
    return None if math.isnan(found.low) else found.low <= 0 <= found.high
