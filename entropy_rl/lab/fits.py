"""Curves through the points of a run: what they share is least squares on a few columns, over a grid of shapes.

A curve is R = columns(shape) @ coefficients. Given the shape (a time constant, say) the rest is linear, so a fit is
exact up to the spacing of the grid, has no starting point to get wrong, and hundreds of resampled runs cost one
matrix product.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from scipy import special

WINDOW = 7  # steps of the moving mean

Interval = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Points:
    """Where a run was: two [n] float64. The first step is where curves in steps begin."""

    steps: np.ndarray
    entropies: np.ndarray


class Form(Protocol):
    """A family of curves."""

    @property
    def name(self) -> str: ...

    def shapes(self, points: Points) -> Sequence[tuple[float, ...]]:
        """The grid of what enters the columns non-linearly; [()] if nothing does."""
        ...

    def columns(self, points: Points, shape: tuple[float, ...]) -> np.ndarray:
        """[n, k]."""
        ...

    def ceiling(self, shape: tuple[float, ...]) -> np.ndarray:
        """[k]: the columns where the run ends, without entropy or after infinitely many steps."""
        ...


@dataclasses.dataclass(frozen=True)
class ExponentialInEntropy:
    """R = b - a exp(H). Source: Cui et al. 2025, https://arxiv.org/abs/2505.22617."""

    name: str = "exp(H)"

    def shapes(self, points: Points) -> Sequence[tuple[float, ...]]:
        return [()]

    def columns(self, points: Points, shape: tuple[float, ...] = ()) -> np.ndarray:
        return np.stack([np.ones_like(points.entropies), np.exp(points.entropies)], axis=1)

    def ceiling(self, shape: tuple[float, ...] = ()) -> np.ndarray:
        return np.array([1.0, 1.0])


@dataclasses.dataclass(frozen=True)
class PolynomialInEntropy:
    """R = c_0 + c_1 H + ... : a line, or a parabola, in the entropy."""

    degree: int = 1

    @property
    def name(self) -> str:
        return {1: "line in H", 2: "parabola in H"}.get(self.degree, f"degree {self.degree} in H")

    def shapes(self, points: Points) -> Sequence[tuple[float, ...]]:
        return [()]

    def columns(self, points: Points, shape: tuple[float, ...] = ()) -> np.ndarray:
        return np.stack([points.entropies**power for power in range(self.degree + 1)], axis=1)

    def ceiling(self, shape: tuple[float, ...] = ()) -> np.ndarray:
        return np.eye(self.degree + 1)[0]


@dataclasses.dataclass(frozen=True)
class ExponentialInStep:
    """R = c - d exp(-t / tau): saturates in the step, whatever entropy does."""

    name: str = "exponential in step"

    def shapes(self, points: Points) -> Sequence[tuple[float, ...]]:
        span = float(np.ptp(points.steps)) or 1.0
        return [(float(tau),) for tau in span * np.geomspace(0.02, 10.0, 48)]

    def columns(self, points: Points, shape: tuple[float, ...]) -> np.ndarray:
        return np.stack([np.ones_like(points.steps), np.exp(-points.steps / shape[0])], axis=1)

    def ceiling(self, shape: tuple[float, ...]) -> np.ndarray:
        return np.array([1.0, 0.0])


@dataclasses.dataclass(frozen=True)
class SigmoidInStep:
    """R = r + (c - r) / (1 + (middle / t)^sharpness).

    Source: Khatri et al. 2025, ScaleRL, https://arxiv.org/abs/2510.13786, there in units of compute.
    """

    name: str = "sigmoid in step"

    def shapes(self, points: Points) -> Sequence[tuple[float, ...]]:
        span = float(np.ptp(points.steps)) or 1.0
        middles, sharpness = span * np.geomspace(0.02, 4.0, 28), np.geomspace(0.6, 6.0, 12)
        return [(float(m), float(s)) for m in middles for s in sharpness]

    def columns(self, points: Points, shape: tuple[float, ...]) -> np.ndarray:
        middle, sharpness = shape
        with np.errstate(divide="ignore"):
            risen = 1.0 / (1.0 + (middle / np.maximum(points.steps, 0.0)) ** sharpness)
        return np.stack([np.ones_like(points.steps), risen], axis=1)

    def ceiling(self, shape: tuple[float, ...]) -> np.ndarray:
        return np.array([1.0, 1.0])


def parameters(form: Form, points: Points) -> int:
    """How many numbers a form takes from the data."""
    shape = form.shapes(points)[0]
    return form.columns(points, shape).shape[1] + len(shape)


def least_squares(
    form: Form, points: Points, values: np.ndarray
) -> tuple[np.ndarray, list[tuple[float, ...]], np.ndarray]:
    """The best curve of a form through each of several series of values at the same points.

    Args:
      values: [draws, n].

    Returns:
      Coefficients [draws, k], the shape of each, and the mean squared residuals [draws].
    """
    shapes = list(form.shapes(points))
    squares, best, chosen = np.sum(values**2, axis=1), np.full(len(values), np.inf), np.zeros(len(values), int)
    for number, shape in enumerate(shapes):
        basis = np.linalg.qr(form.columns(points, shape))[0]  # [n, k]; what it leaves of the values is the residual
        left = squares - np.sum((values @ basis) ** 2, axis=1)
        better = left < best - 1e-12 * squares
        best, chosen = np.where(better, left, best), np.where(better, number, chosen)
    coefficients = np.zeros((len(values), form.columns(points, shapes[0]).shape[1]))
    for number in np.unique(chosen):
        own, columns = chosen == number, form.columns(points, shapes[number])
        coefficients[own] = np.linalg.lstsq(columns, values[own].T, rcond=1e-10)[0].T
        best[own] = np.sum((values[own] - coefficients[own] @ columns.T) ** 2, axis=1)
    return coefficients, [shapes[number] for number in chosen], best / values.shape[1]


def smooth(values: np.ndarray, window: int = WINDOW) -> np.ndarray:
    """Centred moving mean; the window is cut at the ends, and values that are not finite are left out of it.

    Returns:
      [n] float64; nan where the window holds no finite value.
    """
    values = np.asarray(values, dtype=np.float64)
    finite = np.isfinite(values)
    total = np.concatenate([[0.0], np.cumsum(np.where(finite, values, 0.0))])
    count = np.concatenate([[0], np.cumsum(finite)])
    low = np.maximum(np.arange(len(values)) - window // 2, 0)
    high = np.minimum(np.arange(len(values)) + (window - 1) // 2 + 1, len(values))
    inside = count[high] - count[low]
    return np.where(inside > 0, (total[high] - total[low]) / np.maximum(inside, 1), np.nan)


def blocks(size: int, draws: int, seed: int, block: int) -> np.ndarray:
    """[draws, size] indices that resample a series in blocks of neighbours, which share their noise; they wrap round.

    Args:
      block: steps per block, at most a third of the series.
    """
    block = max(1, min(block, size // 3))
    starts = np.random.default_rng(seed).integers(0, size, (draws, -(-size // block)))
    return (starts[..., None] + np.arange(block)).reshape(draws, -1)[:, :size] % size


def autocovariances(residuals: np.ndarray, parameters: int) -> np.ndarray:
    """Of the noise behind the residuals of least squares: [K], from lag 0 to the last before one without correlation.

        g_k = (1 / n) sum_t e_t e_{t+k} + parameters * omega / n,   omega = g_0 + 2 sum_{k > 0} g_k

    A fit takes the slow part of the noise for its own curve, which costs each residual autocovariance about
    omega / n for every parameter; the second term gives it back. The two equations are solved together.

    Args:
      residuals: [n], of neighbouring points, smoothed or not.
      parameters: numbers that were fitted.
    """
    size, found = len(residuals), []
    for lag in range(max(size // 3, 1)):
        found.append(float(residuals[lag:] @ residuals[: size - lag]) / size)
        if lag and found[-1] <= 0:
            found.pop()
            break
    taken = min(parameters * (2 * len(found) - 1) / size, 0.75)  # share of omega; to undo more would rest on nothing
    omega = (2 * sum(found) - found[0]) / (1 - taken)
    return np.array(found) + parameters * omega / size


def effective_size(residuals: np.ndarray, parameters: int = 0) -> float:
    """How many independent residuals a series of neighbours that share their noise is worth: n g_0 / omega.

    Args:
      residuals: [n].
      parameters: numbers that were fitted; g and omega are those of `autocovariances`.
    """
    noise = autocovariances(residuals - residuals.mean(), parameters)
    return len(residuals) * (float(noise[0] / (2 * noise.sum() - noise[0])) if noise[0] > 0 else 1.0)


def half_width(weights: np.ndarray, residuals: np.ndarray, parameters: int, level: float) -> np.ndarray:
    """Of the interval of a number that least squares makes of the values, weights @ values: half of its width.

        half = t * sqrt(sum_{s,t} w_s w_t g_|s-t| * m / (m - parameters))

    with the noise's `autocovariances` g, the residuals' `effective_size` m, and Student's t of m - parameters degrees
    of freedom.

    Args:
      weights: [..., n].
      residuals: [n], of the fit, in order of steps.
      parameters: numbers that were fitted.
      level: probability inside the interval.

    Returns:
      [...].
    """
    size, noise = len(residuals), autocovariances(residuals, parameters)
    apart = np.array([np.sum(weights[..., k:] * weights[..., : size - k], axis=-1) for k in range(len(noise))])
    variance = np.maximum(2 * np.tensordot(noise, apart, 1) - noise[0] * apart[0], noise[0] * apart[0])
    return _student(residuals, parameters, level) * np.sqrt(variance)


def widened(residuals: np.ndarray, parameters: int, block: int, level: float) -> np.ndarray:
    """Residuals so much larger that resampling them in `blocks` gives intervals as wide as `half_width`'s.

    Blocks alone are too narrow: they cut what is shared by neighbours of two blocks, they know nothing of what the fit
    took of the noise, and a few of them hardly tell their own spread.

    Args:
      residuals: [n]; the others are those of `blocks` and `half_width`.
    """
    size, noise = len(residuals), autocovariances(residuals, parameters)
    block = max(1, min(block, size // 3))
    within = [float(residuals[k:] @ residuals[: size - k]) / size * (1 - k / block) for k in range(block)]
    resampled = 2 * sum(within) - within[0]  # variance of a mean of blocks, times n
    if resampled <= 0:
        return residuals
    omega = max(2 * noise.sum() - noise[0], noise[0])
    wider = _student(residuals, parameters, level) / special.ndtri((1 + level) / 2)
    return residuals * max(wider * (omega / resampled) ** 0.5, 1.0)


def _student(residuals: np.ndarray, parameters: int, level: float) -> float:
    """Standard errors in half an interval, if what tells them is so many independent residuals of a fit."""
    size = effective_size(residuals, parameters)
    freedom = max(size - parameters, 1.0)
    return float(special.stdtrit(freedom, (1 + level) / 2)) * max(size / freedom, 1.0) ** 0.5
