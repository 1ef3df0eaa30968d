"""Figures of a run that several studies read."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy import stats

from entropy_rl.lab import budget, fits, rivals, verdicts
from entropy_rl.lab.runs import Run
from entropy_rl.lab.verdicts import Bar, Estimate, Figure, Results

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


def at_step(metric: str, step: int) -> Figure:
    """A metric at one step; nan where it was not measured there."""

    def figure(run: Run) -> float:
        steps, values = run.series(metric)
        here = values[steps == step]
        return float(here[0]) if len(here) else math.nan

    return figure


def by_budget(arms: Sequence[str], other: str, budgets: Sequence[int]) -> tuple[Bar, ...]:
    """What each arm has over another where the run would have ended after fewer steps; told.

    A run that is cut is the run with that budget, as long as nothing in its config reads the number of steps.
    """
    return tuple(
        Bar(f"validation {key} after {step} steps, {arm} - {other}",
            difference(arm, other, at_step(f"validation/{key}", step)), decisive=False)
        for step in budgets for arm in arms for key in ("pass@1", "pass@16")
    )  # fmt: skip


def best(arms: Sequence[str], results: Results, figure: Figure) -> str:
    """The arm whose mean of a figure is highest: a setting tuned on validation."""
    return max(arms, key=lambda arm: np.nan_to_num(results.mean(arm, figure).mean, nan=-np.inf))


def of_the_best(
    ours: Sequence[str], theirs: Sequence[str], score: Figure, figure: Figure
) -> Callable[[Results], Estimate]:
    """The best of some arms less the best of others, each run compared in the two that the other runs choose.

    The arms of a base and seed are chosen by the mean score of all other bases and seeds: validation and test are
    measured on the same policies, so a choice that had seen the run itself would carry its luck into the test.
    """

    def measured(results: Results) -> Estimate:
        keys = set.intersection(*(set(results.runs.get(arm, {})) for arm in (*ours, *theirs)))
        gaps = []
        for key in sorted(keys) if len(keys) > 1 else ():
            others = results.without(key)
            if not all(math.isfinite(others.mean(arm, score).mean) for arm in (*ours, *theirs)):
                return Estimate()
            one, other = best(ours, others, score), best(theirs, others, score)
            gaps.append(results.values(one, figure)[key] - results.values(other, figure)[key])
        return verdicts.estimate(gaps)

    return measured


def steps_to(metric: str, level: float) -> Figure:
    """The first step at which a metric, smoothed over 7 steps, reaches a level; twice the run if it never does."""

    def figure(run: Run) -> float:
        steps, values = run.series(metric)
        if not len(steps):
            return math.nan
        reached = steps[fits.smooth(values) >= level]
        return float(reached[0] if len(reached) else 2 * steps[-1])

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
