"""The entropy law: what a run earns as a function of the entropy it has left, and the ceiling that follows.

    R = -a * exp(H) + b,   ceiling = b - a   (the reward at H = 0)

Source: Cui et al. 2025, The Entropy Mechanism, https://arxiv.org/abs/2505.22617. The straight line
R = slope * H + intercept is fitted beside it: over a short range of H the two are hard to tell apart.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from entropy_rl.lab import fits
from entropy_rl.lab.fits import WINDOW as WINDOW
from entropy_rl.lab.fits import Interval
from entropy_rl.lab.fits import smooth as smooth
from entropy_rl.lab.runs import Run

REWARD, ENTROPY = "reward/mean", "entropy/token_mean"


@dataclasses.dataclass(frozen=True)
class Law:
    """A fit. Entropies in nats per token, rewards in the run's own unit.

    Attributes:
      r2, linear_r2: share of the variance of the rewards that the law, and the straight line, explain.
      a_interval, b_interval, ceiling_interval: bootstrap intervals at `level`.
      points: steps that took part.
    """

    a: float
    b: float
    r2: float
    slope: float
    intercept: float
    linear_r2: float
    a_interval: Interval
    b_interval: Interval
    ceiling_interval: Interval
    level: float
    points: int

    @property
    def ceiling(self) -> float:
        return self.b - self.a

    def __call__(self, entropies: np.ndarray) -> np.ndarray:
        return self.b - self.a * np.exp(entropies)

    def line(self, entropies: np.ndarray) -> np.ndarray:
        return self.intercept + self.slope * entropies


def of_run(run: Run) -> Law | None:
    """The law of a run's smoothed entropies and rewards; None where too few steps, or too little change, fix one."""
    _, entropies, rewards = run.table(ENTROPY, REWARD)
    try:
        return fit_law(smooth(entropies), smooth(rewards))
    except ValueError:
        return None


def fit_law(
    entropies: np.ndarray,
    rewards: np.ndarray,
    level: float = 0.9,
    draws: int = 400,
    seed: int = 0,
    block: int = 2 * WINDOW,
) -> Law:
    """Least squares of the rewards on exp(H), and on H, with intervals from a bootstrap of blocks of residuals.

    Residuals are resampled in blocks because neighbouring steps share their noise (and the smoothing); residuals, not
    pairs, because H moves one way: resampled pairs would often miss the start of the run, where the curve bends.

    Args:
      entropies: [n] nats per token, in order of steps; pairs that are not finite are left out.
      rewards: [n].
      level: probability inside the intervals.
      draws: bootstrap resamples.
      seed: the same seed gives the same intervals.
      block: steps per block, at most a third of the points.

    Raises:
      ValueError: if fewer than 4 finite points remain, or H does not vary.
    """
    entropies, rewards = np.asarray(entropies, np.float64), np.asarray(rewards, np.float64)
    finite = np.isfinite(entropies) & np.isfinite(rewards)
    entropies, rewards = entropies[finite], rewards[finite]
    if entropies.size < 4:
        raise ValueError(f"{entropies.size} steps with both entropy and reward do not fix a law; it needs at least 4")
    if np.ptp(entropies) <= 1e-6 * (1.0 + abs(entropies).max()):
        raise ValueError(
            f"entropy stays at {entropies[0]:.4g} nats, so the law has nothing to bend over; train for longer"
        )
    exponential = np.exp(entropies)
    negative_a, b, r2 = _line(exponential, rewards)
    slope, intercept, linear_r2 = _line(entropies, rewards)
    fitted = b + negative_a * exponential
    resampled = _resampled_lines(exponential, fitted, rewards - fitted, draws, seed, block)  # [draws, 2]
    a_draws, b_draws = -resampled[:, 0], resampled[:, 1]
    tails = [(1 - level) / 2, (1 + level) / 2]
    intervals = [_pair(np.quantile(x, tails)) for x in (a_draws, b_draws, b_draws - a_draws)]
    return Law(
        -negative_a,
        b,
        r2,
        slope,
        intercept,
        linear_r2,
        *intervals,
        level=level,
        points=int(entropies.size),
    )


def _line(x: np.ndarray, y: np.ndarray) -> tuple[float, float, float]:
    """Slope, intercept and R2 of least squares; R2 is nan where y does not vary."""
    centred = x - x.mean()
    slope = float(centred @ (y - y.mean()) / (centred @ centred))
    intercept = float(y.mean() - slope * x.mean())
    variance = float(np.sum((y - y.mean()) ** 2))
    if variance <= 1e-18 * (1.0 + float(np.sum(y**2))):
        return slope, intercept, float("nan")
    return (
        slope,
        intercept,
        1.0 - float(np.sum((y - intercept - slope * x) ** 2)) / variance,
    )


def _resampled_lines(
    x: np.ndarray, fitted: np.ndarray, residuals: np.ndarray, draws: int, seed: int, block: int
) -> np.ndarray:
    """[draws, 2] slopes and intercepts."""
    indices = fits.blocks(len(x), draws, seed, block)
    return np.array([_line(x, fitted + residuals[drawn])[:2] for drawn in indices]).reshape(draws, 2)


def _pair(values: np.ndarray) -> Interval:
    return float(values[0]), float(values[1])
