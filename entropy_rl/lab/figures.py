"""What a section of a report is made of, and the charts that several sections draw: a metric over the steps."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np

from entropy_rl.lab import law
from entropy_rl.lab.charts import HEIGHT, UNMEASURED, Chart, Line, draw
from entropy_rl.lab.scales import Axis
from entropy_rl.lab.seeds import Band, Group

STEP = Axis("RL step")
SHARE = Axis("share", percent=True, low=0.0, high=1.0)
MOST_RAW = 4  # settings, in a chart that shows each step's own value too
MOST_CHARTS = 8  # of one kind, one for each setting: more are folded away


@dataclasses.dataclass(frozen=True)
class Figure:
    """One chart, or several with one horizontal axis below each other."""

    title: str
    caption: str
    charts: tuple[Chart, ...]


@dataclasses.dataclass(frozen=True)
class Table:
    """Rows of text; the first cell of each names what the row is of."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Section:
    """Figures and tables that answer one question; notices say what is missing from them, and why."""

    title: str
    text: str
    figures: Sequence[Figure]
    tables: Sequence[Table] = ()
    folded: bool = False
    notices: Sequence[str] = ()


def figure(
    title: str,
    caption: str,
    x_axis: Axis,
    y_axis: Axis,
    lines: Sequence[Line],
    height: int = HEIGHT,
    nearest: str = "x",
) -> Figure | None:
    """A chart with its words; None where no line has a finite point."""
    drawn = [line for line in lines if line.style not in UNMEASURED]
    if not any((np.isfinite(line.x) & np.isfinite(line.y)).any() for line in drawn):
        return None
    return Figure(title, caption, (draw(title, x_axis, y_axis, lines, height, nearest),))


def over_steps(
    groups: Sequence[Group], title: str, key: str, axis: Axis, *, raw: bool = False, smooth: bool = True
) -> Figure | None:
    """One metric of every setting.

    Args:
      raw: each step's own value too, faintly, where a setting has one run and there are few of them.
      smooth: draw a moving mean.
    """
    lines, faint = [], False
    for index, group in enumerate(groups):
        if raw and len(group.runs) == 1 and len(groups) <= MOST_RAW:
            lines.append(Line(index, *group.runs[0].series(key), style="faint"))
            faint = faint or bool(len(lines[-1].x))
        lines.append(banded(index, group.band(key, smooth), label=group.short, hover=group.short))
    said = f"Moving mean of {law.WINDOW} steps" + (", over the faint values of each step." if faint else ".")
    return figure(title, (said if smooth else "") + band_note(lines), STEP, axis, lines)


def banded(index: int, band: Band, label: str = "", hover: str = "", style: str = "line", colour: str = "") -> Line:
    """The mean of several seeds with their band, or the values of one."""
    low, high = (band.low, band.high) if band.seeds > 1 else (None, None)
    hover = f"{hover}, mean of {band.seeds}" if hover and band.seeds > 1 else hover
    return Line(index, band.x, band.y, label, hover, style, colour, low=low, high=high)


def band_note(lines: Iterable[Line]) -> str:
    """What a band is, where there is one."""
    return " Band: lowest to highest seed." if any(line.low is not None and len(line.x) for line in lines) else ""


def present(figures: Iterable[Figure | None]) -> list[Figure]:
    """Those that there are."""
    return [found for found in figures if found is not None]
