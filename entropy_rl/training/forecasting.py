"""The forecaster beside the loop: remembers the course of a run in constant space, and looks ahead at evaluations."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from entropy_rl.lab import forecast
from entropy_rl.lab.law import ENTROPY, REWARD

KEPT = 512  # points at most; then neighbours are averaged in pairs


class Forecaster:
    """What is known of a run's entropy and accuracy, and what follows. Its `state` is for the checkpoint."""

    def __init__(self, last: int, state: Mapping[str, Any] | None = None):
        """Args:
        last: the step at which the run ends.
        state: of `state`; None for a new run.
        """
        self._last = last
        self._width: int = state["width"] if state else 1
        self._points: list[list[float]] = [list(point) for point in state["points"]] if state else []
        self._open: list[list[float]] = [list(point) for point in state["open"]] if state else []

    def state(self) -> dict[str, Any]:
        """JSON values."""
        return {"width": self._width, "points": self._points, "open": self._open}

    def add(self, step: int, measured: Mapping[str, Any]) -> None:
        """One more step; a record without entropy or accuracy is no point."""
        values = [measured.get(ENTROPY), measured.get(forecast.ACCURACY, measured.get(REWARD))]
        if any(value is None or not math.isfinite(value) for value in values):
            return
        self._open.append([float(step), *map(float, values)])
        if len(self._open) == self._width:
            self._points.append(np.mean(self._open, axis=0).tolist())
            self._open = []
        if len(self._points) > KEPT:
            pairs = np.array(self._points[: len(self._points) // 2 * 2]).reshape(-1, 2, 3).mean(axis=1)
            left = self._points[len(pairs) * 2 :]
            self._points, self._width = pairs.tolist(), 2 * self._width
            self._open = [list(point) for point in left for _ in range(self._width // 2)] + self._open

    def figures(self) -> dict[str, float]:
        """Metrics forecast/...; none while too few steps are known."""
        if len(self._points) < forecast.LEAST_POINTS:
            return {}
        steps, entropies, rewards = np.array(self._points).T
        found = forecast.forecast(steps, entropies, rewards, np.array([max(float(self._last), steps[-1])]))
        final, final_low, final_high = found.final
        figures = {
            "forecast/final": final,
            "forecast/final_low": final_low,
            "forecast/final_high": final_high,
            "forecast/ceiling": found.ceiling,
            "forecast/ceiling_low": found.ceiling_interval[0],
            "forecast/ceiling_high": found.ceiling_interval[1],
            "forecast/final_entropy": float(found.entropies[-1]),
            "forecast/spent": found.spent,
            "forecast/surprise": forecast.surprise(steps, entropies, rewards),
        }
        return {name: value for name, value in figures.items() if math.isfinite(value)}


def sentence(record: Mapping[str, Any], last: int) -> str:
    """One line for people: "forecast: accuracy .60 (.53 to .70) at step 240, ceiling ..."; "" without a forecast."""
    if "forecast/final" not in record:
        return ""
    final, ceiling = (
        "{:.2f} ({:.2f} to {:.2f})".format(*(record[f"forecast/{name}{end}"] for end in ("", "_low", "_high")))
        for name in ("final", "ceiling")
    )
    spent = f"; {record['forecast/spent']:.0%} of the entropy is spent" if "forecast/spent" in record else ""
    return f"forecast: accuracy {final} at step {last}, ceiling {ceiling}{spent}"
