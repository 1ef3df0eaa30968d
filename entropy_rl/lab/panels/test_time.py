"""What inference makes of a trained policy: temperature, votes and choices among several answers."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from entropy_rl.lab import test_time
from entropy_rl.lab.charts import COLOURS, Line
from entropy_rl.lab.figures import MOST_CHARTS, Figure, Section, Table, band_note, banded, figure, present
from entropy_rl.lab.outcomes import percent
from entropy_rl.lab.scales import Axis
from entropy_rl.lab.seeds import Band, Group, band, mean
from entropy_rl.lab.test_time import Cell, Sweep

TEXT = (
    "One checkpoint, drawn from in several ways: this is what inference earns, and training had no part in it. A vote: "
    "the most frequent answer. Own choice: the answer that the policy holds likeliest. A perfect judge: any right one."
)
CHOICES = (("pass_at", "perfect judge"), ("majority", "vote"), ("likeliest", "own choice"))
SOLVED = Axis("problems solved", percent=True)
NOTE = (
    "Brackets: 95\u202f% over problems; of several seeds, the lowest and the highest. Luck: standard deviation of "
    "pass@1, in points, where every problem gets one answer."
)

Kept = tuple[int, Group, list[Sweep]]


def section(groups: Sequence[Group]) -> Section:
    kept = [(index, group, found) for index, group in enumerate(groups) if (found := group.each(test_time.of_run))]
    figures = [_over_temperature(kept), *(_over_samples(*each) for each in kept)]
    table = _table(kept)
    return Section(
        "At test time", TEXT, present(figures), [table] if table.rows else [], folded=len(kept) > MOST_CHARTS
    )


def _over_temperature(kept: Sequence[Kept]) -> Figure | None:
    """pass@1 of every setting, where one of them was swept."""
    lines = []
    for index, group, found in kept:
        told = [_pass_1(sweep) for sweep in found]
        shown = told[0] if len(told) == 1 else band([(one.x, one.y) for one in told])
        line = banded(index, shown, label=group.short, hover=group.short)
        lines.append(dataclasses.replace(line, low=shown.low, high=shown.high))
    if max((len(line.x) for line in lines), default=0) < 2:
        return None
    spread = band_note(lines) if any(len(found) > 1 for _, _, found in kept) else " Band: 95\u202f% over problems."
    return figure("One answer, by temperature", spread.strip(), Axis("temperature"), SOLVED, lines)


def _pass_1(sweep: Sweep) -> Band:
    """At each temperature with the largest budget, with the interval over problems."""
    temperatures = sorted({cell.temperature for cell in sweep.cells})
    cells = [sweep.at(temperature) for temperature in temperatures]
    ends = np.array([cell.intervals["pass@1"] for cell in cells], np.float64).T
    return Band(np.array(temperatures), np.array([cell.pass_at[0] for cell in cells]), ends[0], ends[1], 1)


def _over_samples(index: int, group: Group, found: Sequence[Sweep]) -> Figure | None:
    """What more answers earn, at the temperature nearest to that of training."""
    cells = [sweep.at(min((cell.temperature for cell in sweep.cells), key=lambda t: abs(t - 1.0))) for sweep in found]
    ks = tuple(sorted({k for cell in cells for k in cell.ks}))
    if len(ks) < 2:
        return None
    lines = []
    for (name, label), colour in zip(CHOICES, COLOURS, strict=False):
        means = band([(np.array(cell.ks), np.array(getattr(cell, name))) for cell in cells])
        hover = f"{label}, mean of {means.seeds}" if means.seeds > 1 else label
        lines.append(Line(index, means.x, means.y, label=label, hover=hover, colour=colour))
    told = ", ".join(sorted({f"{cell.temperature:g}" for cell in cells}))
    axis = Axis("answers to a problem", log=True, ticks=ks if len(ks) <= 9 else ())
    return figure(f"Several answers: {group.name}", f"At temperature {told}.", axis, SOLVED, lines)


def _table(kept: Sequence[Kept]) -> Table:
    """A row for each temperature and budget of a setting; of several seeds the means."""
    rows = []
    for _, group, found in kept:
        cells = [cell for sweep in found for cell in sweep.cells]
        for temperature, length in sorted({(cell.temperature, cell.length) for cell in cells}):
            own = [cell for cell in cells if (cell.temperature, cell.length) == (temperature, length)]
            k = min(cell.ks[-1] for cell in own)
            at_k = [mean([getattr(cell, name)[cell.ks.index(k)] for cell in own]) for name, _ in CHOICES]
            luck = f"±\u202f{100 * mean([cell.deviation for cell in own]):.1f}"
            cut = [group.name, f"{temperature:g}", str(length), _bracketed(own), luck, str(k)]
            rows.append([*cut, *(percent(value) for value in at_k)])
    header = ["run", "temperature", "tokens at most", "pass@1", "luck", "answers k", *(name for _, name in CHOICES)]
    return Table(header, rows, NOTE)


def _bracketed(cells: Sequence[Cell]) -> str:
    values = [cell.pass_at[0] for cell in cells]
    low, high = cells[0].intervals["pass@1"] if len(cells) == 1 else (min(values), max(values))
    return f"{percent(mean(values))} [{100 * low:.1f}, {100 * high:.1f}]"
