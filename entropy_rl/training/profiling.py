"""An XProf trace of chosen steps, on a flag; and the names under which a trace shows steps and phases."""

from __future__ import annotations

import contextlib
import os
import pathlib
import re
import tempfile
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import jax
from absl import logging
from etils import epath

FOLDER = "profile"

F = TypeVar("F", bound=Callable[..., Any])


def chosen(text: str, steps: int) -> range | None:
    """The steps that "3:5" (three to five, both included) or "3" names; None for "".

    Args:
      steps: of the run.

    Raises:
      ValueError: if it names no steps, or steps that the run does not have.
    """
    if not text:
        return None
    match = re.fullmatch(r"(\d+)(?::(\d+))?", text)
    first, last = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not 1 <= first <= last <= steps:
        raise ValueError(
            f"--profile={text} names no steps of this run: write FIRST:LAST with 1 <= FIRST <= LAST <= {steps}, such "
            "as 3:5 (the first step of a process compiles, and is better left out)"
        )
    return range(first, last + 1)


def phase(name: str) -> Callable[[F], F]:
    """A function whose calls a trace shows under a name; costs a microsecond where no trace is taken."""

    def named(call: F) -> F:
        return jax.profiler.annotate_function(call, name=name)  # type: ignore[return-value]

    return named


class Profiler:
    """Starts a trace before the first of the chosen steps and ends it after the last."""

    def __init__(self, steps: range | None = None, workdir: str | os.PathLike[str] = "") -> None:
        """Args:
        steps: None for no trace.
        workdir: of the run; every process writes what it saw into its folder `profile`.
        """
        self._steps, self._folder = steps, epath.Path(workdir) / FOLDER
        self._local: tempfile.TemporaryDirectory[str] | None = None

    @contextlib.contextmanager
    def step(self, number: int) -> Iterator[None]:
        """Around RL step `number`."""
        if self._local is None and self._steps is not None and number in self._steps:
            self._local = tempfile.TemporaryDirectory()
            options = jax.profiler.ProfileOptions()
            options.python_tracer_level = 0  # every call of a step of minutes would fill the trace
            jax.profiler.start_trace(self._local.name, profiler_options=options)
            logging.info("step %d: a trace is taken, up to step %d", number, self._steps[-1])
        with jax.profiler.StepTraceAnnotation("step", step_num=number):
            yield
        if self._steps is not None and number == self._steps[-1]:
            self.close()

    def close(self) -> None:
        """Ends a trace that is being taken, and copies it to the workdir, wherever that is."""
        local, self._local, self._steps = self._local, None, None
        if local is None:
            return
        jax.profiler.stop_trace()
        with local as source:
            for path in pathlib.Path(source).rglob("*"):
                if path.is_file():
                    target = self._folder / path.relative_to(source).as_posix()
                    target.parent.mkdir(parents=True, exist_ok=True)
                    target.write_bytes(path.read_bytes())
        logging.info("the trace is in %s; look at it with: xprof --logdir=%s", self._folder, self._folder)
