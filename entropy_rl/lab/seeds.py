"""Runs that differ in nothing but their seed, drawn as one: their mean, and the band from the lowest to the highest."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from entropy_rl.lab import law
from entropy_rl.lab.runs import Run, number, seed_of, short_names
from entropy_rl.lab.text import visible

Series = tuple[np.ndarray, np.ndarray]
_MOST_DIFFERENCES = 2  # of two configs of one name, named behind it
_UNTOLD = ("name", "seed", "steps")  # fields that do not tell settings apart: a run may be asked for more steps


@dataclasses.dataclass(frozen=True)
class Band:
    """A mean over seeds at each step, and the lowest and the highest of them: four [n]; `seeds` is how many at most."""

    x: np.ndarray
    y: np.ndarray
    low: np.ndarray
    high: np.ndarray
    seeds: int


@dataclasses.dataclass(frozen=True)
class Group:
    """The runs of one setting.

    Attributes:
      name: unique among the groups of a report.
      label: the name without what all of them have in common.
    """

    name: str
    runs: tuple[Run, ...]
    label: str = ""

    @property
    def short(self) -> str:
        """For the end of a line in a chart."""
        return self.label or self.name

    @property
    def seeds(self) -> str:
        """ "3 seeds", or nothing of a single run."""
        if len(self.runs) == 1:
            return ""
        distinct = len({seed_of(run) for run in self.runs}) == len(self.runs)
        return f"{len(self.runs)} {'seeds' if distinct else 'runs'}"

    @functools.cached_property
    def keys(self) -> frozenset[str]:
        """Metrics that at least one of the runs has."""
        return frozenset().union(*(run.keys for run in self.runs))

    def band(self, key: str, smooth: bool = False) -> Band:
        """A metric over steps; each seed is smoothed before the mean is taken."""
        return band([_smoothed(run.series(key)) if smooth else run.series(key) for run in self.runs])

    def each(self, of_run: Callable[[Run], Any]) -> list[Any]:
        """What an analysis found in the runs that it can say something of."""
        return [found for run in self.runs if (found := once(of_run, run)) is not None]


def once(of_run: Callable[[Run], Any], run: Run) -> Any:
    """What an analysis says of a run, computed the first time only."""
    if of_run not in run.found:
        run.found[of_run] = of_run(run)
    return run.found[of_run]


def grouped(runs: Sequence[Run]) -> list[Group]:
    """The runs by setting, in the order of the first of each; settings of one name are told apart by what differs."""
    by_setting: dict[str, list[Run]] = {}
    for run in runs:
        by_setting.setdefault(_setting(run), []).append(run)
    found = list(by_setting.values())
    titles = [members[0].title or members[0].name for members in found]
    names = [_name(title, members[0], titles, found) for title, members in zip(titles, found, strict=True)]
    names = [name if names.count(name) == 1 else found[place][0].name for place, name in enumerate(names)]
    labels = short_names(names)
    return [Group(name, tuple(members), label) for name, members, label in zip(names, found, labels, strict=True)]


def band(series: Sequence[Series]) -> Band:
    """Mean, lowest and highest at each step that at least half of the series have.

    Args:
      series: steps and values, [n_i] each; empty ones are left out.
    """
    series = [(x, y) for x, y in series if len(x)]
    if not series:
        empty = np.zeros(0)
        return Band(empty, empty, empty, empty, 0)
    steps = np.unique(np.concatenate([x for x, _ in series]))
    values = np.full((len(series), len(steps)), np.nan)
    for row, (x, y) in zip(values, series, strict=True):
        row[np.searchsorted(steps, x)] = y
    kept = np.isfinite(values).sum(axis=0) >= len(series) / 2
    steps, values = steps[kept], values[:, kept]
    return Band(steps, np.nanmean(values, 0), np.nanmin(values, 0), np.nanmax(values, 0), len(series))


def _setting(run: Run) -> str:
    """Equal for two runs that differ in their seed only; a run whose config says nothing is like no other."""
    if not _fields(run):
        return f"path {run.path} {run.name}"
    return f"{run.title} {json.dumps(_fields(run), sort_keys=True, default=str)}"


def _fields(run: Run) -> dict[str, Any]:
    flat = run.config.get("flat")
    fields = flat if isinstance(flat, Mapping) else run.config.get("config", run.config)
    fields = fields if isinstance(fields, Mapping) else {}
    return {str(key): value for key, value in fields.items() if key not in _UNTOLD}


def _name(title: str, run: Run, titles: Sequence[str], found: Sequence[Sequence[Run]]) -> str:
    if titles.count(title) == 1:
        return title
    own = _fields(run)
    others = [_fields(members[0]) for members, other in zip(found, titles, strict=True) if other == title]
    different = [key for key in own if any(fields.get(key) != own[key] for fields in others)]
    different = [key for key in different if isinstance(own[key], str | int | float) or own[key] is None]
    told = ", ".join(f"{key} = {own[key]}" for key in different[:_MOST_DIFFERENCES])
    return visible(f"{title}, {told}" if told else run.name, 120)


def _smoothed(series: Series) -> Series:
    return series[0], law.smooth(series[1])


def mean(values: Sequence[Any]) -> float:
    """Of the numbers among some values; nan without any."""
    finite = [x for value in values if np.isfinite(x := number(value))]
    return float(np.mean(finite)) if finite else float("nan")
