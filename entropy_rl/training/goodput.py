"""Goodput: the share of the wall time since a run first started that went into steps which count.

What does not count: the time between a kill and the next start, start-up, compilation, saving, and steps that were lost
in a kill and made again.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from typing import Any

import jax
from etils import epath

FILE = "started.json"
_COMPILING = (
    "/jax/core/compile/jaxpr_trace_duration",
    "/jax/core/compile/jaxpr_to_mlir_module_duration",
    "/jax/core/compile/backend_compile_duration",
)


class Goodput:
    """The account of a run. Times are seconds.

    Attributes:
      started: when the run's first process started, since 1970.
      productive: what went into steps that count, so far.
    """

    def __init__(self, started: float, productive: float = 0.0) -> None:
        self.started, self.productive = started, productive
        _compilation.listen()

    def count(self, seconds: float) -> float:
        """Adds a step that ends now and took so long, without its compilation; gives the seconds of that."""
        compiling = min(_compilation.within(seconds), seconds)
        self.productive += seconds - compiling
        return compiling

    @property
    def share(self) -> float:
        """Between 0 and 1."""
        wall = time.time() - self.started
        return min(self.productive / wall, 1.0) if wall > 0 else 1.0

    def state(self) -> dict[str, float]:
        """For the checkpoint: JSON values."""
        return {"started": self.started, "productive": self.productive}


def resumed(folder: epath.Path, state: Mapping[str, Any] | None = None) -> Goodput:
    """The account of the run in a folder, opened there if it is new.

    Args:
      state: what the checkpoint holds that the run goes on from; None at its start, or if it holds none.
    """
    started = (state or {}).get("started", time.time())
    path = folder / FILE
    if jax.process_index() == 0:
        try:
            started = min(started, float(json.loads(path.read_text())["started"]))
        except (OSError, ValueError, KeyError, TypeError):  # new, or damaged: no run depends on it
            path.write_text(json.dumps({"started": started}) + "\n")
    return Goodput(started, (state or {}).get("productive", 0.0))


def covered(intervals: Iterable[tuple[float, float]]) -> float:
    """Seconds that are in at least one interval: a trace inside a trace is not counted twice."""
    total, end = 0.0, -float("inf")
    for start, stop in sorted(intervals):
        total += max(stop - max(start, end), 0.0)
        end = max(end, stop)
    return total


class _Compilation:
    """Listens to what JAX tells of its compilations in this process."""

    def __init__(self) -> None:
        self._intervals: list[tuple[float, float]] = []
        self._listens = False

    def listen(self) -> None:
        """From now on; a second call changes nothing."""
        if not self._listens:
            jax.monitoring.register_event_duration_secs_listener(self._heard)
            self._listens = True

    def within(self, seconds: float) -> float:
        """Of the last so many seconds, those in which something was compiled; forgets what it has heard."""
        intervals, self._intervals = self._intervals, []
        since = time.perf_counter() - seconds
        return covered((max(start, since), stop) for start, stop in intervals if stop > since)

    def _heard(self, event: str, duration_secs: float, **_: Any) -> None:
        if event in _COMPILING:
            now = time.perf_counter()
            self._intervals.append((now - duration_secs, now))


_compilation = _Compilation()
