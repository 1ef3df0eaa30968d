"""Curves that a run may turn out to follow: guessed at random, kept as often as they fit what was seen."""

from __future__ import annotations

import dataclasses

import numpy as np

from entropy_rl.lab import fits
from entropy_rl.lab.fits import Interval

MOST_POINTS = 400  # longer runs are averaged down to as many
GUESSES, DRAWS = 2000, 400  # of each kind
TEMPER = 0.5  # power of the likelihood: no guess is true, so none deserves its full weight
MISFIT = 0.03  # standard error of every guess beside the noise: of the reward, and of H as a share of the first one
OPTIMISM = 0.5  # power of a uniform number that places the ceiling; 1 puts it anywhere, less nearer to the highest


@dataclasses.dataclass(frozen=True)
class Seen:
    """A run so far: three [n] float64, the steps counted from the first; no reward is above `highest`."""

    steps: np.ndarray
    entropies: np.ndarray
    rewards: np.ndarray
    highest: float

    @property
    def bounds(self) -> Interval:
        """Where the ceiling may lie: from the present reward to the highest."""
        return min(max(float(self.rewards[-fits.WINDOW :].mean()), 0.0), self.highest), self.highest


def courses_in_entropy(seen: Seen, future: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """[DRAWS, m] rewards and [DRAWS] ceilings of curves in H, each at a course of H drawn independently.

    Args:
      future: [DRAWS, m] of `entropies`.
    """
    ceilings, bends = _ceilings(seen, generator), generator.uniform(-2.0, 1.0, GUESSES)
    bends = np.where(np.abs(bends) < 1e-3, 1e-3, bends)
    heights, residuals = _heights(_bent(fits.smooth(seen.entropies), bends), ceilings, seen.rewards)
    drawn = _drawn(residuals, noise(seen.rewards) + (MISFIT * seen.highest) ** 2)
    courses = future[generator.permutation(DRAWS)]
    return ceilings[drawn, None] - heights[drawn, None] * _bent(courses, bends[drawn]), ceilings[drawn]


def courses_in_steps(seen: Seen, ahead: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """[DRAWS, m] rewards and [DRAWS] ceilings of curves that know nothing of H.

    Args:
      ahead: [m] steps.
    """
    ceilings, (times, powers) = _ceilings(seen, generator), _shapes(seen.steps, generator)
    heights, residuals = _heights(_relaxed(seen.steps, times, powers), ceilings, seen.rewards)
    drawn = _drawn(residuals, noise(seen.rewards) + (MISFIT * seen.highest) ** 2)
    later = _relaxed(ahead, times[drawn], powers[drawn])
    return ceilings[drawn, None] - heights[drawn, None] * later, ceilings[drawn]


def entropies(past: np.ndarray, values: np.ndarray, ahead: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """[DRAWS, m] courses of the entropy, drawn by how well they fit the past [n]."""
    first = float(np.mean(values[: fits.WINDOW]))
    times, powers = _shapes(past, generator)
    floors = 0.3 * abs(first) * generator.uniform(size=GUESSES)
    heights, residuals = _heights(_relaxed(past, times, powers), floors, values)
    drawn = _drawn(residuals, noise(values) + (MISFIT * first) ** 2)
    courses = floors[drawn, None] - heights[drawn, None] * _relaxed(ahead, times[drawn], powers[drawn])
    return np.maximum(courses, 0.0)


def thinned(*series: np.ndarray) -> list[np.ndarray]:
    """Series of equal length, averaged over equal stretches where they are long."""
    arrays = [np.asarray(values, np.float64) for values in series]
    width = -(-len(arrays[0]) // MOST_POINTS)
    if width == 1:
        return arrays
    cuts = np.arange(0, len(arrays[0]), width)
    sizes = np.diff(np.append(cuts, len(arrays[0])))
    return [np.add.reduceat(values, cuts) / sizes for values in arrays]


def noise(values: np.ndarray) -> float:
    """Variance of a step's value around its course, from neighbouring steps."""
    return max(float(np.mean(np.diff(values) ** 2)) / 2.0, 1e-10)


def _heights(basis: np.ndarray, limits: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of limit - height * basis through the values, by least squares: heights and squared residuals, both [GUESSES].

    Args:
      basis: [GUESSES, n].
      limits: [GUESSES].
      values: [n].
    """
    gaps = limits[:, None] - values
    products, squares = np.sum(basis * gaps, axis=1), np.sum(basis**2, axis=1)
    # Without any entropy there is nothing to be high: 0 / 0.
    heights = np.divide(products, squares, out=np.zeros_like(squares), where=squares > 0)
    return heights, np.sum((gaps - heights[:, None] * basis) ** 2, axis=1)


def _bent(values: np.ndarray, bends: np.ndarray) -> np.ndarray:
    """(exp(kH) - 1) / k: [guesses, n] of [n], or of as many courses."""
    return np.expm1(bends[:, None] * values) / bends[:, None]


def _ceilings(seen: Seen, generator: np.random.Generator) -> np.ndarray:
    """[GUESSES] between the present and the highest reward."""
    low, high = seen.bounds
    return low + (high - low) * generator.uniform(size=GUESSES) ** OPTIMISM


def _shapes(past: np.ndarray, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """[GUESSES] time constants, from a tenth to thirty times what was seen, and powers; uniform in their logarithms."""
    span = float(past[-1] - past[0]) or 1.0
    times = span * np.exp(generator.uniform(np.log(0.1), np.log(30.0), GUESSES))
    return times, np.exp(generator.uniform(np.log(0.5), np.log(8.0), GUESSES))


def _relaxed(steps: np.ndarray, times: np.ndarray, powers: np.ndarray) -> np.ndarray:
    """[guesses, n] from 1 towards 0: a power law whose large powers are exponentials."""
    return (1.0 + steps / (times * powers)[:, None]) ** -powers[:, None]


def _drawn(residuals: np.ndarray, variance: float) -> np.ndarray:
    """[DRAWS] numbers of guesses, evenly spaced in their cumulated weights: no luck is involved."""
    logs = -TEMPER * residuals / (2.0 * variance)
    weights = np.exp(logs - logs.max())
    cumulated = np.cumsum(weights) / weights.sum()
    places = np.searchsorted(cumulated, (np.arange(DRAWS) + 0.5) / DRAWS)
    return np.random.default_rng(1).permutation(np.minimum(places, len(residuals) - 1))
