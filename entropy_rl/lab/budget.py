"""The entropy budget: how much of a run's entropy was spent, and how much of its gain made, by a given part of the run.

Source: Cui et al. 2025, https://arxiv.org/abs/2505.22617, where 73 % of the entropy was spent,
and 76 % of the gain made, by 1/12 of the training steps.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from entropy_rl.lab import law

FRACTIONS = (1 / 12, 1 / 4, 1 / 3, 1 / 2)
# A change below this share of the quantity's own size is noise; divided by it, shares would reach thousands of percent.
_LEAST_CHANGE = 0.02


@dataclasses.dataclass(frozen=True)
class Spending:
    """Where a run stood at a fraction of its length.

    Attributes:
      spent: (H_first - H) / (H_first - H_last); nan if entropy did not fall over the run.
      gained: (R - R_first) / (R_last - R_first); nan if the reward did not rise.
    """

    fraction: float
    step: float
    spent: float
    gained: float


def shares(entropies: np.ndarray, rewards: np.ndarray, window: int = law.WINDOW) -> tuple[np.ndarray, np.ndarray]:
    """[n] entropy spent and [n] gain made at each step, of the totals from the first smoothed value to the last one."""
    return _progress(-law.smooth(entropies, window)), _progress(law.smooth(rewards, window))


def budget(
    steps: np.ndarray,
    entropies: np.ndarray,
    rewards: np.ndarray,
    fractions: Sequence[float] = FRACTIONS,
    window: int = law.WINDOW,
) -> tuple[Spending, ...]:
    """Reads the shares at fractions of the run, between steps by linear interpolation.

    Args:
      steps: [n] increasing.
      entropies: [n] nats per token.
      rewards: [n].
      fractions: of the way from the first step to the last one, 0 to 1.
      window: steps of the moving mean; 1 reads the raw values.

    Raises:
      ValueError: if a fraction is outside 0..1.
    """
    outside = [fraction for fraction in fractions if not 0 <= fraction <= 1]
    if outside:
        raise ValueError(f"fractions of a run lie between 0 and 1, not {outside}; write 1/12 for the first twelfth")
    steps = np.asarray(steps, dtype=np.float64)
    if not steps.size:
        return ()
    spent, gained = shares(entropies, rewards, window)
    at = [float(steps[0] + fraction * (steps[-1] - steps[0])) for fraction in fractions]
    return tuple(
        Spending(fraction, step, _read(step, steps, spent), _read(step, steps, gained))
        for fraction, step in zip(fractions, at, strict=True)
    )


def _progress(values: np.ndarray) -> np.ndarray:
    """(x - first) / (last - first), where x rose by more than noise; otherwise nan."""
    finite = values[np.isfinite(values)]
    if not finite.size or finite[-1] - finite[0] <= _LEAST_CHANGE * np.abs(finite).max():
        return np.full(values.shape, np.nan)
    return (values - finite[0]) / (finite[-1] - finite[0])


def _read(step: float, steps: np.ndarray, values: np.ndarray) -> float:
    finite = np.isfinite(values)
    return float(np.interp(step, steps[finite], values[finite])) if finite.any() else float("nan")
