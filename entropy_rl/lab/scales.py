"""Axes of a chart: from data to drawing units, with round ticks and their labels."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable

import numpy as np


@dataclasses.dataclass(frozen=True)
class Axis:
    """What an axis measures; limits left open come from the data.

    Attributes:
      ticks: exactly these are shown, and the axis ends at the outer ones.
    """

    label: str
    log: bool = False
    percent: bool = False
    low: float | None = None
    high: float | None = None
    ticks: tuple[float, ...] = ()


@dataclasses.dataclass(frozen=True)
class Scale:
    """Data to drawing units, with the ticks that the axis shows."""

    low: float
    high: float
    start: float
    end: float
    log: bool
    ticks: tuple[float, ...]

    def __call__(self, values: np.ndarray | float) -> np.ndarray:
        low, high = (math.log10(self.low), math.log10(self.high)) if self.log else (self.low, self.high)
        position = np.log10(values) if self.log else np.asarray(values, np.float64)
        return self.start + (position - low) / (high - low) * (self.end - self.start)

    def clipped(self, values: np.ndarray) -> np.ndarray:
        """As a call, with what lies beyond the axis (or has no logarithm) moved to its end."""
        return self(np.clip(values, self.low, self.high))


def make_scale(values: Iterable[np.ndarray], axis: Axis, start: float, end: float, most_ticks: int = 6) -> Scale:
    """A scale that covers the values (and the axis's own limits), ending on ticks where the data set no limit."""
    if axis.ticks:
        return Scale(axis.ticks[0], axis.ticks[-1], start, end, axis.log, axis.ticks)
    finite = np.concatenate([np.asarray(v, np.float64)[np.isfinite(v)] for v in values] or [np.zeros(0)])
    if axis.log:
        finite = finite[finite > 0]
    default = (1e-3, 1.0) if axis.log else (0.0, 1.0)
    low = axis.low if axis.low is not None else float(finite.min()) if finite.size else default[0]
    high = axis.high if axis.high is not None else float(finite.max()) if finite.size else default[1]
    if axis.log:
        return _log_scale(low, max(high, low * 1.01), start, end)
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-9):  # one value: give it air
        low, high = _aired(low, axis)
    step = nice_step((high - low) / most_ticks)
    low = low if axis.low is not None else math.floor(low / step + 1e-9) * step
    high = high if axis.high is not None else math.ceil(high / step - 1e-9) * step
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return Scale(low, high, start, end, False, tuple(i * step for i in range(first, last + 1)))


def _aired(value: float, axis: Axis) -> tuple[float, float]:
    """Ends around a single value: what is zero throughout is at the bottom, as shares and entropies are not below."""
    if axis.high is not None:
        return axis.high - (abs(value) * 0.2 or 1.0), axis.high
    low = axis.low if axis.low is not None else value - abs(value) * 0.1
    return low, value + (abs(value) * 0.1 or 1.0)


def nice_step(step: float) -> float:
    """The least of 1, 2, 5 times a power of ten that is not below `step`."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * (1 - 1e-9))


def tick_text(value: float, axis: Axis) -> str:
    """A number for an axis: no more digits than it has, thousands apart, percent where the axis counts in percent."""
    value = 0.0 if abs(value) < 1e-12 else value
    if axis.percent:
        return f"{value * 100:.6g} %".replace("-", "−")
    if value and (abs(value) < 1e-3 or abs(value) >= 1e6):
        mantissa, exponent = f"{value:.3e}".split("e")
        mantissa = mantissa.rstrip("0").rstrip(".")
        return f"{'' if mantissa == '1' else mantissa + '·'}10{_superscript(int(exponent))}"
    text = f"{value:.6g}" if abs(value) < 10_000 else f"{value:,.0f}".replace(",", "\u202f")
    return text.replace("-", "−")


def json_scale(scale: Scale, axis: Axis) -> dict:
    """What the script of the page needs to find the values under the pointer."""
    ends = {"low": scale.low, "high": scale.high, "start": scale.start, "end": scale.end}
    return {**ends, "log": scale.log, "percent": axis.percent, "label": axis.label}


def _log_scale(low: float, high: float, start: float, end: float) -> Scale:
    bottom, top = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
    if top - bottom <= 2:
        ticks = [f * 10.0**e for e in range(bottom, top + 1) for f in (1, 2, 5)]
    else:
        ticks = [10.0**e for e in range(bottom, top + 1, -(-(top - bottom) // 6))]
    low, high = 10.0**bottom, 10.0 ** max(top, bottom + 1)
    return Scale(low, high, start, end, True, tuple(t for t in ticks if low * 0.999 <= t <= high * 1.001))


def _superscript(number: int) -> str:
    return str(number).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
