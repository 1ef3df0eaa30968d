"""Progress for people: a live bar on a terminal, one changing line in a notebook, a line now and then in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol

import jax
import rich.console
import rich.markup
import rich.progress
from absl import logging

from entropy_rl.training import forecasting
from entropy_rl.training.alarms import Alarm

SECONDS_BETWEEN_LINES = 10.0


class Screen(Protocol):
    """What shows progress; `text` is one line, `message` something to be kept."""

    def update(self, done: int, total: int, text: str, important: bool) -> None: ...
    def message(self, text: str) -> None: ...
    def close(self) -> None: ...


class Display:
    """The progress of one run, on the first process only. Use it as a context manager."""

    def __init__(self, name: str, steps: int, screen: Screen | None = None):
        """Chooses terminal, notebook or log by where the process runs, unless a `screen` is given."""
        self._name, self._steps = name, steps
        self._screen = screen or (choose_screen(name) if jax.process_index() == 0 else None)
        self._score = ""
        self._began: tuple[int, float] | None = None

    def show(self, step: int, record: Mapping[str, Any], alarms: Sequence[Alarm] = ()) -> None:
        """One step done, and the alarms that began with it."""
        if self._screen is None:
            return
        validated = "validation/pass@1" in record
        if validated:
            self._score = f"pass@1 {record['validation/pass@1']:.3f}"
        remaining, goodput = self._remaining(step), record.get("speed/goodput")
        counted = f"goodput {goodput:.0%}" if remaining and goodput is not None else ""
        parts = [*_figures(record), self._score, remaining, counted]
        text = f"{self._name} {step}/{self._steps}: " + ", ".join(part for part in parts if part)
        self._screen.update(step, self._steps, text, important=validated or step == self._steps)
        if expected := forecasting.sentence(record, self._steps):
            self._screen.message(f"{self._name} {step}/{self._steps}: {expected}")
        for alarm in alarms:
            self._screen.message(f"ALARM at step {alarm.step}, {alarm.name}: {alarm.message}. Remedy: {alarm.remedy}")

    def show_warm_start(self, step: int, steps: int, loss: float) -> None:
        """Progress of the supervised start, before step 1."""
        if self._screen is not None:
            text = f"{self._name} warm start {step}/{steps}: loss {loss:.3f} nats/token"
            self._screen.update(step, steps, text, important=step == steps)

    def show_samples(self, records: Sequence[Mapping[str, Any]]) -> None:
        """The best and the worst answer of the first prompt that was kept."""
        if self._screen is None or not records or not records[0].get("responses"):
            return
        record = records[0]
        ranked = sorted(record["responses"], key=lambda response: response["reward"])
        for response in dict.fromkeys(map(_answer, (ranked[-1], ranked[0]))):
            self._screen.message(f"step {record['step']}: {record['prompt']!r} -> {response}")

    def close(self) -> None:
        if self._screen is not None:
            self._screen.close()
            self._screen = None

    def __enter__(self) -> Display:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None):
        self.close()

    def _remaining(self, step: int) -> str:
        """From the pace since this process's first step, whose compilation is left out."""
        now = time.monotonic()
        if self._began is None or step <= self._began[0]:
            self._began = (step, now)
            return ""
        pace = (now - self._began[1]) / (step - self._began[0])
        return f"{pace:.2f} s/step, {duration(pace * (self._steps - step))} left"


class LogScreen:
    """Lines in the log, not more often than every few seconds, but for what is important."""

    def __init__(self, seconds: float = SECONDS_BETWEEN_LINES):
        self._seconds, self._last = seconds, -float("inf")

    def update(self, done: int, total: int, text: str, important: bool) -> None:
        now = time.monotonic()
        if important or now - self._last >= self._seconds:
            self._last = now
            logging.info("%s", text)

    def message(self, text: str) -> None:
        (logging.warning if text.startswith("ALARM") else logging.info)("%s", text)

    def close(self) -> None:
        """Nothing is held."""


class TerminalScreen:
    """A bar at the bottom of a terminal; what is logged meanwhile scrolls above it."""

    def __init__(self, console: rich.console.Console | None = None):
        columns = (rich.progress.BarColumn(bar_width=24), rich.progress.TextColumn("{task.description}"))
        self._progress = rich.progress.Progress(*columns, console=console or rich.console.Console(stderr=True))
        self._task = self._progress.add_task("", total=None)
        self._handler = logging.get_absl_handler().python_handler
        self._progress.start()
        self._stream = self._handler.setStream(sys.stderr)  # rich's proxy, which prints above the bar

    def update(self, done: int, total: int, text: str, important: bool) -> None:
        self._progress.update(self._task, completed=done, total=total, description=rich.markup.escape(text))

    def message(self, text: str) -> None:
        style = "bold red" if text.startswith("ALARM") else None
        self._progress.console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)

    def close(self) -> None:
        self._progress.stop()
        self._handler.setStream(self._stream or sys.stderr)


class NotebookScreen:
    """One line that changes in place, messages below it."""

    def __init__(self) -> None:
        from IPython.display import display  # pyright: ignore[reportMissingImports] - there only in a notebook

        self._show = display
        self._handle = display({"text/plain": ""}, raw=True, display_id=True)

    def update(self, done: int, total: int, text: str, important: bool) -> None:
        self._handle.update({"text/plain": text}, raw=True)

    def message(self, text: str) -> None:
        self._show({"text/plain": text}, raw=True)

    def close(self) -> None:
        """The last line stays."""


def choose_screen(name: str) -> Screen:
    """By where the process runs; `name` is for the log's first line."""
    if "ipykernel" in sys.modules:
        return NotebookScreen()
    if sys.stderr.isatty():
        return TerminalScreen()
    logging.info("%s: progress every %.0f s", name, SECONDS_BETWEEN_LINES)
    return LogScreen()


def duration(seconds: float) -> str:
    """42 s, 3 min, 2.5 h."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _figures(record: Mapping[str, Any]) -> list[str]:
    shown = (("reward/mean", "reward {:.3f}"), ("entropy/token_mean", "entropy {:.3f} nats"))
    return [form.format(record[name]) for name, form in shown if record.get(name) is not None]


def _answer(response: Mapping[str, Any]) -> str:
    return f"{response['text']!r} (reward {response['reward']:g})"
