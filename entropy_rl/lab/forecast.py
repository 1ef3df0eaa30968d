"""Where a run will end: ceiling and final accuracy with intervals, from the steps made so far.

Two thousand guesses each of two kinds are weighed by how well they fit what was seen, and half of the forecast is drawn
from either kind:

    in H:     R = c - A (exp(kH) - 1) / k,   k in -2..1 (k = 1 is the entropy law, k -> 0 the straight line), at the
              entropies that a forecast of H itself expects, H = h + (H_0 - h) (1 + t / (tau p))^-p
    in steps: R = c - B (1 + t / (tau p))^-p

The ceiling c of a guess lies between the present and the highest possible reward: it is this bound, which least squares
lacks, that makes an early forecast sane. The law alone is not trusted: curves in steps forecast at least as well. What
the constants here and in guesses.py were chosen on, and what they were judged on, is in benchmarks/results/lab,
forecast.json and tabular_forecast.json.

All of this is for rewards between 0 and 1. A run of which another range is known is forecast as the share of that
range, and told in its own unit; one whose rewards leave their range is not forecast.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

import numpy as np

from entropy_rl.lab import fits, guesses
from entropy_rl.lab.fits import Interval
from entropy_rl.lab.law import ENTROPY, REWARD
from entropy_rl.lab.runs import Run

ACCURACY = "reward/accuracy"  # rather than the reward: it has a known highest value
EARLY = 0.15  # of a run
LEAST_POINTS = 20
MOST_REASONS = 3  # that are told of runs without a forecast
SLACK = 1e-6  # of its range, by which rounding may carry a reward beyond
DRIFT = 0.04  # half width that the interval gains up to the infinite step, in units of the highest reward


@dataclasses.dataclass(frozen=True)
class Forecast:
    """What is expected at given steps.

    Attributes:
      made_at: the last step that was seen.
      steps, rewards, low, high, entropies: [n] expected reward with its interval, and entropy in nats/token.
      ceiling: the reward without entropy, or after infinitely many steps.
      spent: share of the first entropy that is gone.
      level: of the intervals.
    """

    made_at: float
    steps: np.ndarray
    rewards: np.ndarray
    low: np.ndarray
    high: np.ndarray
    entropies: np.ndarray
    ceiling: float
    ceiling_interval: Interval
    spent: float
    level: float

    @property
    def final(self) -> tuple[float, float, float]:
        """Reward at the last of the steps: expected, low, high."""
        return float(self.rewards[-1]), float(self.low[-1]), float(self.high[-1])


@dataclasses.dataclass(frozen=True)
class Score:
    """A forecast from the first part of a run against the rest of it, smoothed.

    Attributes:
      errors: root mean square error of the forecast ("forecast"), of its halves and of each rival, by name.
      coverage: share of the later steps whose smoothed reward lies inside the interval.
      width: mean width of the interval.
      final_error: forecast less truth, at the end.
      gained: how far the reward went after the forecast was made: what there was to be known.
    """

    errors: Mapping[str, float]
    coverage: float
    width: float
    final_error: float
    gained: float


@dataclasses.dataclass(frozen=True)
class RunForecast:
    """The forecast of a run from its first part, what came of it, and the one from all steps.

    Attributes:
      early: from `EARLY` of the run, or from its first 20 points where these are more.
      steps, rewards: [n] smoothed, as they came.
      score: None while the run is too short for one.
      bounds: lowest and highest reward there can be, in whose unit all of it is; (0, 1) of shares.
    """

    early: Forecast
    now: Forecast
    steps: np.ndarray
    rewards: np.ndarray
    score: Score | None
    bounds: Interval = (0.0, 1.0)


def of_run(run: Run, share: float = EARLY) -> RunForecast | None:
    """Forecasts to the last step that is planned for the run; None where too few steps are recorded, see `absence`.

    Raises:
      ValueError: if rewards leave their range; see `refusal`.
    """
    steps, entropies, rewards = _shares(run)
    if len(steps) < LEAST_POINTS:
        return None
    last = float(np.fmax(steps[-1], run.planned))  # of which nan is none
    seen = max(int(np.sum(steps <= steps[0] + share * (last - steps[0]))), LEAST_POINTS)
    horizon = np.union1d(steps, [last])
    early = forecast(steps[:seen], entropies[:seen], rewards[:seen], horizon)
    now = forecast(steps, entropies, rewards, horizon)
    (low, high), smoothed = bounds(run), fits.smooth(rewards)
    early, now = (_in_unit_of(found, low, high - low) for found in (early, now))
    scored = _scored(run, seen) if len(steps) >= 2 * seen else None
    return RunForecast(early, now, steps, low + (high - low) * smoothed, scored, (low, high))


def refusal(run: Run) -> str:
    """Why rewards such as a run's are not forecast: the value, the rule and the remedy; "" of those that are."""
    (low, high), (steps, _, rewards) = bounds(run), table(run)
    beyond = np.maximum(low - rewards, rewards - high)
    if not beyond.size or beyond.max() <= SLACK * (high - low):
        return ""
    worst = int(beyond.argmax())
    seen = f"{run.name}: the reward is {rewards[worst]:.4g} at step {steps[worst]:.0f}"
    if run.reward_range is None:
        return (
            f"{seen}; a forecast takes rewards in [0, 1], or needs to know their range. Name the lowest and the "
            "highest reward that there can be: --reward_range=LOW,HIGH"
        )
    return f"{seen}, beyond --reward_range={low:g},{high:g}; a forecast takes rewards within it: widen it"


def absence(run: Run) -> str:
    """Why a run has no forecast: `refusal`, or that too little is recorded; "" of those that have one."""
    if why := refusal(run):
        return why
    names = {"entropy": ENTROPY, "reward": _reward(run)}
    if absent := [name for name, key in names.items() if key not in run.keys]:
        remedy = f"; --column {names[absent[0]]}=COLUMN names its column" if run.foreign else ""
        return f"{run.name}: no {' and no '.join(absent)} is recorded, and a forecast takes both{remedy}"
    if (points := len(table(run)[0])) < LEAST_POINTS:
        return f"{run.name}: a forecast takes {LEAST_POINTS} steps with entropy and reward; recorded: {points}"
    return ""


def absences(runs: Iterable[Run]) -> list[str]:
    """The same of several runs: a sentence for each of the first, and how many others have no forecast."""
    reasons = [why for why in map(absence, runs) if why]
    others = len(reasons) - MOST_REASONS
    return reasons[:MOST_REASONS] + ([f"{others} other run{'s' * (others > 1)}"] if others > 0 else [])


def bounds(run: Run) -> Interval:
    """Lowest and highest of what `table` gives as rewards: accuracies are shares whatever the range of the rewards."""
    return (0.0, 1.0) if run.reward_range is None or ACCURACY in run.keys else run.reward_range


def table(run: Run) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Steps, entropies and accuracies (rewards, where no accuracy is recorded) of a run."""
    steps, entropies, rewards = run.table(ENTROPY, _reward(run))
    return steps, entropies, rewards


def forecast(
    steps: np.ndarray, entropies: np.ndarray, rewards: np.ndarray, horizon: np.ndarray, highest: float = 1.0,
    level: float = 0.9, in_entropy: float = 0.5,
) -> Forecast:  # fmt: skip
    """What to expect at the steps of the horizon. The same arguments give the same forecast; it takes milliseconds.

    Args:
      steps, entropies, rewards: [n] of the run so far, not smoothed.
      horizon: [m] increasing.
      highest: no reward is above it; a higher one that was seen takes its place.
      level: of the intervals.
      in_entropy: share of the forecast that goes through the entropy.

    Raises:
      ValueError: if fewer than 20 steps were made.
    """
    if len(steps) < LEAST_POINTS:
        raise ValueError(f"{len(steps)} steps are too few to forecast from; it takes {LEAST_POINTS}")
    made_at, start = float(steps[-1]), float(steps[0])
    horizon = np.asarray(horizon, np.float64)
    steps, entropies, rewards = guesses.thinned(steps, entropies, rewards)
    highest = max(highest, float(rewards.max()))
    seen = guesses.Seen(steps - start, entropies, rewards, highest)
    generator, ahead = np.random.default_rng(0), np.maximum(horizon - start, 0.0)
    future = guesses.entropies(seen.steps, entropies, ahead, generator)  # [draws, m]
    curves, ceilings = [], []
    for share, (courses, tops) in (
        (in_entropy, guesses.courses_in_entropy(seen, future, generator)),
        (1.0 - in_entropy, guesses.courses_in_steps(seen, ahead, generator)),
    ):
        kept = np.linspace(0, len(tops) - 1, round(share * len(tops))).astype(int)
        curves.append(courses[kept])
        ceilings.append(tops[kept])
    curve, ceiling = np.clip(np.concatenate(curves), 0.0, highest), np.concatenate(ceilings)
    # What no guess can know: the further ahead, the more; [m], 0 at the last step seen.
    drift = DRIFT * highest * np.clip(1.0 - (made_at - start) / np.maximum(ahead, 1e-9), 0.0, 1.0)
    tails = [(1 - level) / 2, (1 + level) / 2]
    low, high = np.quantile(curve, tails, axis=0)
    bottom, top = np.quantile(ceiling, tails)
    first = float(entropies[: fits.WINDOW].mean())
    return Forecast(
        made_at, horizon, curve.mean(axis=0), np.maximum(low - drift, 0.0), np.minimum(high + drift, highest),
        future.mean(axis=0), float(ceiling.mean()),
        (max(float(bottom) - DRIFT * highest, 0.0), min(float(top) + DRIFT * highest, highest)),
        1.0 - float(entropies[-fits.WINDOW :].mean()) / first if first > 0 else float("nan"), level,
    )  # fmt: skip


def surprise(steps: np.ndarray, entropies: np.ndarray, rewards: np.ndarray, highest: float = 1.0) -> float:
    """How far the present reward is from what the first half of the run led to expect, in half widths of the interval.

    Beyond ±1.5 the course of the run changed: an intervention works, or the data moved. nan for a short run.
    """
    half = len(steps) // 2
    if half < LEAST_POINTS:
        return float("nan")
    last = slice(-fits.WINDOW, None)
    expected = forecast(steps[:half], entropies[:half], rewards[:half], steps[last], highest)
    noise = 1.645 * (guesses.noise(np.asarray(rewards)) / fits.WINDOW) ** 0.5  # of the mean of the last steps
    off = float(np.mean(rewards[last]) - expected.rewards.mean())
    width = float((expected.high - expected.rewards if off > 0 else expected.rewards - expected.low).mean())
    return off / float(np.hypot(max(width, DRIFT / 2), noise))


def rivals(
    steps: np.ndarray, entropies: np.ndarray, rewards: np.ndarray, horizon: np.ndarray, highest: float = 1.0
) -> dict[str, np.ndarray]:
    """Forecasts [m] without prior bounds, by least squares, each cut at what a reward can be.

    Those in H are given the entropies that an extrapolation of H alone expects.
    """
    past, ahead = steps - steps[0], horizon - steps[0]
    seen = fits.Points(past, fits.smooth(entropies))
    later = fits.Points(ahead, guesses.entropies(past, entropies, ahead, np.random.default_rng(0)).mean(axis=0))
    found = {"last value": np.full(len(horizon), float(rewards[-fits.WINDOW :].mean()))}
    found["line in step"] = np.polyval(np.polyfit(past, rewards, 1), ahead)
    for form in (
        fits.ExponentialInEntropy(), fits.PolynomialInEntropy(1), fits.ExponentialInStep(), fits.SigmoidInStep(),
    ):  # fmt: skip
        coefficients, shapes, _ = fits.least_squares(form, seen, np.asarray(rewards, np.float64)[None])
        found[form.name] = form.columns(later, shapes[0]) @ coefficients[0]
    return {name: np.clip(values, 0.0, highest) for name, values in found.items()}


def score(run: Run, share: float = EARLY) -> Score | None:
    """Forecast and rivals from the first part of a run against the rest; None if it is too short.

    Studies judge by this share and no other: a run whose first part holds fewer than 20 points is not scored here.

    Raises:
      ValueError: if rewards leave their range; see `refusal`.
    """
    points = len(_shares(run)[0])
    seen = round(share * points)
    return _scored(run, seen) if LEAST_POINTS <= seen < points else None


def _scored(run: Run, seen: int) -> Score:
    """From the first `seen` points against the rest."""
    steps, entropies, rewards = _shares(run)
    past, ahead = (steps[:seen], entropies[:seen], rewards[:seen]), steps[seen:]
    truth = fits.smooth(rewards)[seen:]
    ours = forecast(*past, ahead)
    predicted = {
        "forecast": ours.rewards,
        "through H alone": forecast(*past, ahead, in_entropy=1.0).rewards,
        "in steps alone": forecast(*past, ahead, in_entropy=0.0).rewards,
        **rivals(*past, ahead),
    }
    low, high = bounds(run)
    unit = high - low
    errors = {name: unit * float(np.sqrt(np.mean((values - truth) ** 2))) for name, values in predicted.items()}
    inside = (ours.low <= truth) & (truth <= ours.high)
    before = float(past[2][-fits.WINDOW :].mean())
    return Score(
        errors, float(inside.mean()), unit * float((ours.high - ours.low).mean()),
        unit * float(ours.rewards[-1] - truth[-1]), unit * float(truth[-1] - before),
    )  # fmt: skip


def _shares(run: Run) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`table` with the rewards as shares of their range."""
    if why := refusal(run):
        raise ValueError(why)
    (low, high), (steps, entropies, rewards) = bounds(run), table(run)
    return steps, entropies, (rewards - low) / (high - low)


def _in_unit_of(found: Forecast, low: float, unit: float) -> Forecast:
    """A forecast of shares, in rewards."""
    ceiling_low, ceiling_high = (low + unit * end for end in found.ceiling_interval)
    return dataclasses.replace(
        found, rewards=low + unit * found.rewards, low=low + unit * found.low, high=low + unit * found.high,
        ceiling=low + unit * found.ceiling, ceiling_interval=(ceiling_low, ceiling_high),
    )  # fmt: skip


def _reward(run: Run) -> str:
    return ACCURACY if ACCURACY in run.keys else REWARD
