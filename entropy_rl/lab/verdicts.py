"""What the runs of an experiment say of a claim: estimates with intervals, bars fixed beforehand, and a verdict."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from scipy import stats

from entropy_rl.lab.runs import Run, number

LEVEL = 0.95  # probability inside an interval
REPRODUCES, PARTLY, FAILS, NOT_RUN = "reproduces", "partly", "does not reproduce", "not run"
NO_CLAIM = "tests no claim"  # nor does it count as one that reproduces
NOT_MEASURED = "not measured"  # every run is there, and one of its figures is not

Key = tuple[int, int]  # base and seed: runs that share it are paired
Figure = Callable[[Run], float]  # one number of a run


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A mean over runs with its interval; nan where there are too few. All in the unit of the figure."""

    mean: float = math.nan
    low: float = math.nan
    high: float = math.nan
    n: int = 0


@dataclasses.dataclass(frozen=True)
class Results:
    """The finished runs of a study: arm -> (base, seed) -> run."""

    runs: Mapping[str, Mapping[Key, Run]]

    def of(self, arm: str) -> list[Run]:
        """The finished runs of an arm, by base and seed."""
        runs = self.runs.get(arm, {})
        return [runs[key] for key in sorted(runs)]

    def values(self, arm: str, figure: Figure) -> dict[Key, float]:
        """A figure of each finished run of an arm."""
        return {key: figure(run) for key, run in sorted(self.runs.get(arm, {}).items())}

    def without(self, key: Key) -> Results:
        """All but the runs of one base and seed."""
        return Results({arm: {at: run for at, run in runs.items() if at != key} for arm, runs in self.runs.items()})

    def mean(self, arm: str, figure: Figure) -> Estimate:
        """Of a figure over the finished runs of an arm."""
        return estimate(self.values(arm, figure).values())

    def paired(self, arm: str, other: str, figure: Figure) -> tuple[np.ndarray, np.ndarray]:
        """The figure in two arms, at the bases and seeds that both have finished: two [n] float64."""
        ours, theirs = self.values(arm, figure), self.values(other, figure)
        keys = [key for key in ours if key in theirs]
        return np.array([ours[key] for key in keys]), np.array([theirs[key] for key in keys])

    def difference(self, arm: str, other: str, figure: Figure, level: float = LEVEL) -> Estimate:
        """arm - other, paired by base and seed."""
        ours, theirs = self.paired(arm, other, figure)
        return estimate(ours - theirs, level)

    def ratio(self, arm: str, other: str, figure: Figure) -> Estimate:
        """arm / other, paired by base and seed: the geometric mean, for figures above 0."""
        ours, theirs = self.paired(arm, other, figure)
        if not len(ours) or min(ours.min(), theirs.min()) <= 0:
            return Estimate(n=len(ours))
        logs = estimate(np.log(ours / theirs))
        return Estimate(math.exp(logs.mean), math.exp(logs.low), math.exp(logs.high), logs.n)


@dataclasses.dataclass(frozen=True)
class Bar:
    """A figure of the experiment, and where it has to lie if the claim holds; written before the runs.

    Attributes:
      figure: what is measured, in words, with its unit.
      measure: of the results.
      low, high: where the mean has to lie, both included; open where nothing is asked.
      whole: the whole interval has to lie there, not the mean alone.
      decisive: False for a figure that is told beside the verdict and not judged.
    """

    figure: str
    measure: Callable[[Results], Estimate]
    low: float = -math.inf
    high: float = math.inf
    whole: bool = False
    decisive: bool = True

    def check(self, results: Results) -> Check:
        """Measures. What cannot be measured for want of runs is neither met nor missed."""
        found = self.measure(results)
        low, high = (found.low, found.high) if self.whole else (found.mean, found.mean)
        met = None if math.isnan(low) or math.isnan(high) else bool(self.low <= low and high <= self.high)
        return Check(self, found, met)


@dataclasses.dataclass(frozen=True)
class Check:
    """A bar beside what was measured; `met` is None where nothing was."""

    bar: Bar
    found: Estimate
    met: bool | None

    @property
    def clear(self) -> bool | None:
        """Whether the whole interval says so: it lies within the bar where it is met, and outside where it is missed.

        None where there is no interval.
        """
        if self.met is None or math.isnan(self.found.low) or math.isnan(self.found.high):
            return None
        if self.met:
            return bool(self.bar.low <= self.found.low and self.found.high <= self.bar.high)
        return bool(self.found.high < self.bar.low or self.found.low > self.bar.high)


def verdict(checks: Sequence[Check], failed: bool = False) -> str:
    """One word of the decisive bars when all runs are there: all met, some, none; "tests no claim" if there is none.

    Args:
      failed: a run came to a bad end: what cannot be measured counts as missed, and is "not measured" otherwise.
    """
    decisive = [check.met for check in checks if check.bar.decisive]
    if not decisive:
        return NO_CLAIM
    if None in decisive and not failed:
        return NOT_MEASURED
    return REPRODUCES if all(decisive) else PARTLY if any(decisive) else FAILS


def estimate(values: Iterable[float], level: float = LEVEL) -> Estimate:
    """The mean with Student's interval over runs.

        mean ± t_{n-1}((1 + level) / 2) * std / sqrt(n),   std over n - 1

    Args:
      values: one per run; if one is not finite, neither is the estimate: a run is not left out for its result.
    """
    array = np.array(list(values), np.float64)
    if not array.size or not np.isfinite(array).all():
        return Estimate(n=len(array))
    mean = float(array.mean())
    if len(array) == 1:
        return Estimate(mean, n=1)
    half = float(stats.t.ppf((1 + level) / 2, len(array) - 1) * array.std(ddof=1) / math.sqrt(len(array)))
    return Estimate(mean, mean - half, mean + half, len(array))


def test(key: str) -> Figure:
    """A figure of the test at the end of a run, such as "pass@16"."""
    return lambda run: number(run.summary.get("test", {}).get(key))


def base(key: str) -> Figure:
    """The same figure before the first step."""
    return lambda run: number(run.summary.get("base", {}).get(key))


def last(key: str, points: int = 1) -> Figure:
    """The mean of the last values that a metric has, such as the last 5 of "validation/pass@1"."""
    return lambda run: _mean(run.series(key)[1][-points:])


def first(key: str, points: int = 1) -> Figure:
    """The mean of the first values that a metric has."""
    return lambda run: _mean(run.series(key)[1][:points])


def highest(key: str) -> Figure:
    """The largest value that a metric has."""
    return lambda run: float(np.max(run.series(key)[1], initial=-math.inf)) if run.series(key)[1].size else math.nan


def over(figure: Figure, other: Figure) -> Figure:
    """One figure of a run divided by another of the same run."""
    return lambda run: figure(run) / other(run) if other(run) else math.nan


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else math.nan
