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


def effective_size(residuals: np.ndarray) -> float:
    """How many independent residuals a series of neighbours that share their noise is worth: n / (1 + 2 sum rho_k).

    The sum goes up to the first lag without positive correlation.
    """
    centred = residuals - residuals.mean()
    variance = float(centred @ centred)
    total = 0.0
    for lag in range(1, len(centred) // 2):
        rho = float(centred[lag:] @ centred[:-lag]) / variance if variance > 0 else 0.0
        if rho <= 0:
            break
        total += rho
    return len(centred) / (1.0 + 2.0 * total)
