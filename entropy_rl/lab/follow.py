"""Looks at the folders of runs until all of them have ended, and says when something has changed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from absl import logging
from etils import epath

from entropy_rl.lab.foreign import holds_records, is_foreign
from entropy_rl.lab.runs import Run, read_runs

_READ = ("metrics*.jsonl", "samples*.jsonl", "summary.json", "config.json")


def changes(
    paths: Sequence[str | os.PathLike[str]],
    seconds: float,
    sleep: Callable[[float], Any],
    columns: Mapping[str, str] | None = None,
    reward_range: tuple[float, float] | None = None,
    steps: int | None = None,
) -> Iterator[tuple[list[Run], bool]]:
    """The runs each time that something new was written, and whether all have ended; then it ends too.

    A folder that is not there yet, or holds nothing yet, is waited for: one may follow a run before it starts. So is a
    log that holds its header only. What cannot be read as it stands is told, and looked at again when it has changed.

    Args:
      seconds: between two looks.
      sleep: waits so many seconds.
      columns, reward_range, steps: see `read_runs`. A log of another trainer never says that it has ended.
    """
    seen: Any = None
    while True:
        stamps = [_stamp(path) for path in paths]
        begun = [path for path, stamp in zip(paths, stamps, strict=True) if _is_begun(path, stamp)]
        if stamps != seen:
            _tell_of_missing(paths, begun, first=seen is None)
            seen = stamps
            runs = _read(begun, columns, reward_range, steps) if begun else []
            if runs:
                ended = len(begun) == len(paths) and all(run.summary for run in runs)
                yield runs, ended
                if ended:
                    return
        sleep(seconds)


def _stamp(path: str | os.PathLike[str]) -> tuple[tuple[str, int, float], ...]:
    """Name, size and time of the files that a report reads."""
    folder = epath.Path(path)
    if is_foreign(path):
        stat = folder.stat()
        return (("metrics", int(stat.length), float(stat.mtime)),)
    found = sorted((file for pattern in _READ for file in folder.glob(pattern)), key=str) if folder.exists() else []
    stats = []
    for file in found:
        try:
            stat = file.stat()
        except FileNotFoundError:  # a run that goes on removes its summary
            continue
        stats.append((file.name, int(stat.length), float(stat.mtime)))
    return tuple(stats)


def _read(
    paths: Sequence[Any],
    columns: Mapping[str, str] | None,
    reward_range: tuple[float, float] | None,
    steps: int | None,
) -> list[Run]:
    """Nothing, and a warning, where a file says too little so far: verl's first record holds a validation alone."""
    try:
        return read_runs(paths, columns, reward_range, steps)
    except ValueError as error:
        logging.warning("%s. It is looked at again when it has changed", error)
        return []


def _is_begun(path: str | os.PathLike[str], stamp: Sequence[tuple[str, int, float]]) -> bool:
    if is_foreign(path):
        return holds_records(path)
    return any(name.startswith("metrics") or name == "summary.json" for name, _, _ in stamp)


def _tell_of_missing(paths: Sequence[Any], begun: Sequence[Any], first: bool) -> None:
    missing = [os.fspath(path) for path in paths if path not in begun]
    if first and missing:
        logging.info("waiting for %s to begin", ", ".join(missing))
