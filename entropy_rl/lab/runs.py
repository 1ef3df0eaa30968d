"""Reads the folder of a run: finished, under way, preempted in the middle of a line, on a disk or in a bucket."""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from absl import logging
from etils import epath

from entropy_rl.lab.text import visible

Record = Mapping[str, Any]


@dataclasses.dataclass(frozen=True)
class Run:
    """What a training run left behind.

    Attributes:
      records: one per step, in order of steps; a step written twice (after a restart) keeps the later values.
      samples: as written, in order of steps.
      summary: empty while the run is under way.
      label: the name without what all runs of a report have in common.
      title: the name as the run gives it, before it was made unique.
      reward_range: lowest and highest reward there can be, where the caller knows them; see lab/forecast.py.
      foreign: whether it is a log of another trainer, which never says that it has ended.
      found: results of analyses of this run, by function: a report and its summary ask for the same ones.
    """

    path: str
    name: str
    config: Record
    records: Sequence[Record]
    samples: Sequence[Record]
    summary: Record
    label: str = ""
    title: str = ""
    reward_range: tuple[float, float] | None = None
    foreign: bool = False
    found: dict[Any, Any] = dataclasses.field(default_factory=dict, init=False, repr=False, compare=False)

    @property
    def short(self) -> str:
        """For the end of a line in a chart."""
        return self.label or self.name

    @property
    def planned(self) -> float:
        """The steps that it is to make; nan where nobody says."""
        config = self.config.get("config")
        return number(config.get("steps") if isinstance(config, Mapping) else self.config.get("steps"))

    @property
    def is_under_way(self) -> bool:
        """Whether it has begun and not ended; a log of another trainer ends with the steps that are planned for it."""
        going = bool(self.records) and not self.summary
        # Their steps may count from 0. Where none are planned, nan is above nothing: whether it goes on is not known.
        return going and (not self.foreign or self.planned - 1 > self.records[-1]["step"])

    def series(self, key: str) -> tuple[np.ndarray, np.ndarray]:
        """Steps and values of a metric, where it was written and is finite: two [n] float64."""
        points = [(record["step"], number(record.get(key))) for record in self.records]
        points = [(step, value) for step, value in points if math.isfinite(value)]
        pairs = np.array(points, dtype=np.float64).reshape(-1, 2)
        return pairs[:, 0], pairs[:, 1]

    def table(self, *keys: str) -> tuple[np.ndarray, ...]:
        """Steps and values of several metrics, at the steps where all are finite: 1 + len(keys) arrays [n]."""
        rows = [[record["step"], *(number(record.get(key)) for key in keys)] for record in self.records]
        rows = [row for row in rows if all(map(math.isfinite, row))]
        return tuple(np.array(rows, dtype=np.float64).reshape(-1, 1 + len(keys)).T)

    @functools.cached_property
    def keys(self) -> frozenset[str]:
        """Metrics with at least one finite value."""
        return frozenset(
            key for record in self.records for key, value in record.items() if math.isfinite(number(value))
        )


def number(value: Any) -> float:
    """A float, or nan for whatever is none: null, text, a missing value, an integer beyond all floats."""
    try:
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else float("nan")
    except OverflowError:
        return float("nan")


def read_run(path: str | os.PathLike[str]) -> Run:
    """Reads a run folder; parts that are missing or broken come back empty, with a warning.

    Args:
      path: the run's workdir; local or an object-store address.

    Raises:
      ValueError: if the folder does not exist, or holds nothing that a run writes.
    """
    folder = epath.Path(path)
    if not folder.exists():
        raise ValueError(f"{os.fspath(path)} does not exist; name the --workdir of a training run")
    metric_files = _parts(folder, "metrics")
    if not metric_files and not (folder / "summary.json").exists():
        inside = sorted(child.name for child in folder.iterdir() if _parts(child, "metrics")) if folder.is_dir() else []
        remedy = (
            f"it holds the runs {', '.join(inside)}: name those" if inside else "name the --workdir of a training run"
        )
        raise ValueError(f"{os.fspath(path)} is no run: it has neither metrics.jsonl nor summary.json; {remedy}")
    records: dict[int, dict[str, Any]] = {}
    for record in _lines(metric_files):
        records.setdefault(int(record["step"]), {}).update(record)
    config, summary = (
        _document(folder / "config.json"),
        _document(folder / "summary.json"),
    )
    samples = sorted(_lines(_parts(folder, "samples")), key=lambda sample: sample["step"])
    name = summary.get("name") or config.get("name") or folder.name
    ordered = [records[step] for step in sorted(records)]
    return Run(os.fspath(path), visible(name, 120), config, ordered, samples, summary, title=visible(name, 120))


def read_runs(
    paths: Sequence[str | os.PathLike[str]],
    columns: Mapping[str, str] | None = None,
    reward_range: tuple[float, float] | None = None,
    steps: int | None = None,
) -> list[Run]:
    """Reads several runs and makes their names unique: by seed where that tells them apart, else by number.

    Args:
      paths: run folders, and logs of other trainers: see lab/foreign.py.
      columns: of the latter, our name -> theirs, where theirs is not known.
      reward_range: lowest and highest reward of runs that record no accuracy, such as logs of other trainers.
      steps: that are planned for logs of other trainers, where the caller knows them.

    Raises:
      ValueError: as `read_run` and `read_together`, or if no path is given.
    """
    from entropy_rl.lab import foreign  # it makes runs, and so knows this module

    if not paths:
        raise ValueError("no run is named; give the --workdir of at least one training run")
    logs = [path for path in paths if foreign.is_foreign(path)]
    of_logs = iter(foreign.read_together(logs, columns))
    read = [next(of_logs) if foreign.is_foreign(path) else [read_run(path)] for path in paths]
    told = {} if steps is None else {"steps": steps}
    runs = [
        dataclasses.replace(run, reward_range=reward_range, config={**run.config, **(told if run.foreign else {})})
        for found in read
        for run in found
    ]
    seeds = [None if (seed := seed_of(run)) is None else f"seed {seed}" for run in runs]
    for labels in (seeds, [str(place) for place in range(1, len(runs) + 1)]):
        names = [run.name for run in runs]
        runs = [
            dataclasses.replace(run, name=f"{run.name}, {label}") if label and names.count(run.name) > 1 else run
            for run, label in zip(runs, labels, strict=True)
        ]
    labels = short_names([run.name for run in runs])
    return [dataclasses.replace(run, label=label) for run, label in zip(runs, labels, strict=True)]


def seed_of(run: Run) -> Any:
    """The seed, as the summary or else the config names it; None if neither does."""
    config = run.config.get("config")
    inner = config.get("seed") if isinstance(config, Mapping) else None
    return run.summary.get("seed", inner if inner is not None else run.config.get("seed"))


def short_names(names: Sequence[str]) -> list[str]:
    """countdown_grpo, countdown_clip_cov -> grpo, clip_cov."""
    common = os.path.commonprefix(list(names))
    start = common.rfind("_") + 1 if len(names) > 1 else 0
    return [name[start:] or name for name in names]


def _parts(folder: Any, stem: str) -> list[Any]:
    """stem.jsonl, or stem.00001.jsonl and so on, in order: object stores cannot append to a file."""
    if not folder.is_dir():
        return []
    return sorted(folder.glob(f"{stem}.jsonl"), key=str) + sorted(folder.glob(f"{stem}.*.jsonl"), key=str)


def _lines(files: Sequence[Any]) -> list[dict[str, Any]]:
    """The JSON objects with a step in some files. A line that a preemption cut is left out, wherever it stands."""
    records, broken = [], 0
    for file in files:
        for line in file.read_bytes().split(b"\n"):
            if not line.strip():
                continue
            try:
                record = json.loads(line)
            except (ValueError, RecursionError):
                record = None
            if isinstance(record, dict) and math.isfinite(number(record.get("step"))):
                records.append(record)
            else:
                broken += 1
    if broken:
        logging.warning("%s: %d lines are cut or hold no step; they are left out", files[0], broken)
    return records


def _document(file: Any) -> dict[str, Any]:
    try:
        document = json.loads(file.read_bytes()) if file.exists() else {}
    except (ValueError, RecursionError):
        logging.warning("%s is not JSON (cut?); it is left out", file)
        document = {}
    return document if isinstance(document, dict) else {}
