"""Which curve describes a run: the entropy law, a line or a parabola in H, or a curve in the step that ignores H.

Each is fitted to the same smoothed points, with intervals from resampled blocks of widened residuals. Two curves are
told apart only if the difference of their squared residuals survives the same resampling and is worth speaking of.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from entropy_rl.lab import fits
from entropy_rl.lab.fits import Form, Interval, Points
from entropy_rl.lab.law import ENTROPY, REWARD
from entropy_rl.lab.runs import Run

EXPONENTIAL = fits.ExponentialInEntropy()
LINE = fits.PolynomialInEntropy(1)
FORMS: tuple[Form, ...] = (
    EXPONENTIAL, LINE, fits.PolynomialInEntropy(2), fits.ExponentialInStep(), fits.SigmoidInStep(),
)  # fmt: skip
DESCRIBES = 0.8  # share of the variance that a curve must explain to be called a description
WORTH = 0.005  # of the range of the rewards: a smaller difference of two errors decides nothing
LEAST_POINTS = 12


@dataclasses.dataclass(frozen=True)
class Fit:
    """One curve through a run.

    Attributes:
      name: of the form.
      r2: share of the variance of the smoothed rewards that it explains; nan where they do not vary.
      rmse: of the residuals, unit of the reward.
      aic: n log(mean squared residual) + 2 k n / (n - k - 1), k counting the parameters and the variance, n the
        independent residuals of the closest curve; only differences count. AICc: Hurvich and Tsai 1989, Biometrika 76.
      ceiling: the reward at H = 0 or, for a curve in steps, after infinitely many.
      residuals: [n].
    """

    name: str
    coefficients: tuple[float, ...]
    shape: tuple[float, ...]
    parameters: int
    r2: float
    rmse: float
    aic: float
    ceiling: float
    ceiling_interval: Interval
    residuals: np.ndarray = dataclasses.field(repr=False, compare=False)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """All curves through one run, the law first.

    Attributes:
      independent: residuals that the smoothed ones of the closest curve are worth, `fits.effective_size`.
      level: of the intervals.
      range: of the smoothed rewards.
      verdict: one or two plain sentences.
    """

    fits: tuple[Fit, ...]
    points: int
    independent: float
    level: float
    range: float
    verdict: str

    @property
    def is_reversed(self) -> bool:
        """Whether a <= 0: the reward rises with the entropy, and the law has no ceiling."""
        return math.isfinite(self.fits[0].r2) and _a(self.fits[0]) <= 0

    def __getitem__(self, name: str) -> Fit:
        return next(fit for fit in self.fits if fit.name == name)


def of_run(run: Run) -> Comparison | None:
    """The comparison for a run; None where too few steps, or too little change in entropy, allow one."""
    steps, entropies, rewards = run.table(ENTROPY, REWARD)
    try:
        return compare(steps, fits.smooth(entropies), fits.smooth(rewards))
    except ValueError:
        return None


def compare(
    steps: np.ndarray, entropies: np.ndarray, rewards: np.ndarray, level: float = 0.9, draws: int = 200, seed: int = 0,
    block: int = 2 * fits.WINDOW, forms: Sequence[Form] = FORMS,
) -> Comparison:  # fmt: skip
    """Fits every form to the same points.

    Args:
      steps, entropies, rewards: [n], smoothed.
      level: probability inside the intervals.
      draws: resampled runs; the same seed draws the same.
      block: steps per block.

    Raises:
      ValueError: if there are fewer than 12 points, or H does not vary.
    """
    arrays = [np.asarray(values, np.float64) for values in (steps, entropies, rewards)]
    steps, entropies, rewards = (values[np.isfinite(arrays).all(axis=0)] for values in arrays)
    if steps.size < LEAST_POINTS:
        raise ValueError(f"{steps.size} steps do not tell curves apart; it takes at least {LEAST_POINTS}")
    if np.ptp(entropies) <= 1e-6 * (1.0 + abs(entropies).max()):
        raise ValueError(f"entropy stays at {entropies[0]:.4g} nats, so nothing can be a function of it")
    points, resampled = Points(steps - steps[0], entropies), fits.blocks(len(steps), draws, seed, block)
    found = [_fit(form, points, rewards, resampled, block, level) for form in forms]
    best = min(found, key=lambda fit: fit.rmse)  # a curve that misfits leaves a pattern, which is not the noise's
    independent = fits.effective_size(best.residuals, best.parameters)
    scored = tuple(dataclasses.replace(fit, aic=_aic(fit, independent)) for fit in found)
    spread = float(np.ptp(rewards))
    return Comparison(
        scored, len(steps), independent, level, spread, verdict(scored, resampled, level, spread)
    )  # fmt: skip


def verdict(found: Sequence[Fit], resampled: np.ndarray, level: float, spread: float) -> str:
    """What may honestly be said of the law, its line, and the curves in steps.

    Args:
      found: the law first, then the line in H, then others.
      resampled: [draws, n] indices of blocks.
      spread: range of the rewards.
    """
    exponential, line = found[0], found[1]
    if not math.isfinite(exponential.r2):
        return "The reward never changed, so any curve fits."
    both = f"R² {exponential.r2:.3f} and {line.r2:.3f}"
    apart = told_apart(exponential, line, resampled, level, spread)
    if max(exponential.r2, line.r2) < DESCRIBES:
        sentence = f"Neither exp(H) nor a line in H describes this run ({both})."
    elif not apart:
        sentence = f"exp(H) and a line in H cannot be told apart here ({both})."
    elif apart > 0:
        sentence = f"exp(H) describes this run better than a line in H ({both})."
    else:
        sentence = f"A line in H describes this run better than exp(H) ({both})."
    if (a := _a(exponential)) <= 0:
        sentence += f" But a = {a:.3g}: reward falls as entropy is spent; the law's direction does not hold here."
    better_h = min((exponential, line), key=lambda fit: fit.rmse)
    closer = [fit for fit in found[2:] if fit.aic < better_h.aic]
    ahead = [fit for fit in closer if told_apart(fit, better_h, resampled, level, spread) > 0]
    if ahead:
        best = min(ahead, key=lambda fit: fit.aic)
        sentence += f" A rival with {best.parameters} parameters is closer: {best.name}, R² {best.r2:.3f}."
    return sentence


def _a(exponential: Fit) -> float:
    """Of R = b - a exp(H)."""
    return -exponential.coefficients[1]


def told_apart(one: Fit, other: Fit, resampled: np.ndarray, level: float, spread: float) -> int:
    """1 if `one` has clearly the smaller error, -1 if the larger, 0 if they cannot be told apart."""
    if abs(one.rmse - other.rmse) < WORTH * spread:
        return 0
    lead = (other.residuals**2 - one.residuals**2)[resampled].mean(axis=1)  # [draws]
    low, high = np.quantile(lead, [(1 - level) / 2, (1 + level) / 2])
    return 1 if low > 0 else -1 if high < 0 else 0


def _fit(
    form: Form, points: Points, rewards: np.ndarray, resampled: np.ndarray, block: int, level: float
) -> Fit:  # fmt: skip
    coefficients, shapes, errors = fits.least_squares(form, points, rewards[None])
    fitted = form.columns(points, shapes[0]) @ coefficients[0]
    residuals = rewards - fitted
    parameters = fits.parameters(form, points)
    wide = fits.widened(residuals, parameters, block, level)
    again, of_shape, _ = fits.least_squares(form, points, fitted + wide[resampled])
    ceilings = [form.ceiling(shape) @ drawn for shape, drawn in zip(of_shape, again, strict=True)]
    low, high = np.quantile(ceilings, [(1 - level) / 2, (1 + level) / 2])
    variance = float(np.var(rewards))
    varies = variance > 1e-18 * (1.0 + float(np.mean(rewards**2)))
    return Fit(
        form.name, tuple(map(float, coefficients[0])), shapes[0], parameters,
        1.0 - float(errors[0]) / variance if varies else float("nan"), float(errors[0]) ** 0.5, float("nan"),
        float(form.ceiling(shapes[0]) @ coefficients[0]), (float(low), float(high)), residuals,
    )  # fmt: skip


def _aic(fit: Fit, independent: float) -> float:
    k = fit.parameters + 1  # and the variance
    penalty = 2.0 * k + 2.0 * k * (k + 1) / max(independent - k - 1, 1.0)
    return independent * math.log(max(fit.rmse**2, 1e-18)) + penalty
