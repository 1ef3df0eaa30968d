"""Runs in a terminal: a few lines for each setting, and the table of final figures."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from entropy_rl.lab import law, outcomes, story
from entropy_rl.lab.law import ENTROPY, REWARD
from entropy_rl.lab.report import Path, as_runs
from entropy_rl.lab.runs import Run
from entropy_rl.lab.seeds import Group, grouped
from entropy_rl.lab.text import visible

BLOCKS = "▁▂▃▄▅▆▇█"
WIDTH = 32  # columns of a curve
_SHOWN = (("entropy", ENTROPY, "nats"), ("reward", REWARD, ""))


def summary(runs: Sequence[Path | Run]) -> str:
    """What each setting can do, and the course of its entropy and reward.

    Raises:
      ValueError: if a folder is no run.
    """
    return "\n\n".join(_block(group) for group in grouped(as_runs(runs)))


def short_table(runs: Sequence[Path | Run]) -> str:
    """The final figures of each setting, with their intervals and the base beside them.

    Raises:
      ValueError: if a folder is no run.
    """
    results = [outcomes.of_group(group) for group in grouped(as_runs(runs))]
    keys = outcomes.columns(results)
    rows = [["run", "figures of", *keys]]
    for result in results:
        source = f"{result.source}, {result.seeds} seeds" if result.seeds > 1 else result.source
        rows.append([result.name, source or "none", *(_cell(result, key) for key in keys)])
        rows.append(["", "base", *(outcomes.figure_text(key, result.base_value(key)) for key in keys)])
    rows = [[visible(cell, 60) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def curve(values: np.ndarray, width: int = WIDTH) -> str:
    """Values as a row of blocks, each the mean of an equal part of them; a gap where none is finite."""
    if not np.isfinite(values).any():
        return ""
    parts = np.array_split(values, min(width, len(values)))
    means = np.array([part[np.isfinite(part)].mean() if np.isfinite(part).any() else np.nan for part in parts])
    low, high = np.nanmin(means), np.nanmax(means)
    share = (means - low) / (high - low) if high > low else np.where(np.isfinite(means), 0.0, np.nan)
    return "".join(" " if math.isnan(s) else BLOCKS[min(int(s * len(BLOCKS)), len(BLOCKS) - 1)] for s in share)


def _block(group: Group) -> str:
    seeds = f" ({group.seeds})" if group.seeds else ""
    lines = [f"{visible(group.name, 60)}{seeds}{_progress(group)}", f"  {story.verdict(group)}"]
    for name, key, unit in _SHOWN:
        values = group.band(key).y
        if len(values) > 1:
            smooth = law.smooth(values)
            ends = f"{smooth[0]:.3f} to {smooth[-1]:.3f} {unit}".rstrip()
            lines.append(f"  {name:8}{curve(values)}  {ends}")
    return "\n".join(lines)


def _progress(group: Group) -> str:
    """Where the runs under way are; nothing where none is known to be."""
    going = [run for run in group.runs if run.is_under_way]
    if not going:
        return ""
    steps = [f"{run.records[-1]['step']}{_of(run.planned)}" for run in going]
    return f", under way at step {', '.join(steps)}"


def _of(planned: float) -> str:
    return f" of {planned:.0f}" if math.isfinite(planned) else ""


def _cell(result: outcomes.Outcome, key: str) -> str:
    interval = outcomes.interval_text(key, result.interval(key))
    return outcomes.figure_text(key, result.value(key)) + (f" [{interval}]" if interval else "")
