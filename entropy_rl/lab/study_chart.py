"""The picture of a study: metrics over the steps, one line with a band for each arm, as one SVG file."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from entropy_rl.lab import charts, fits, seeds
from entropy_rl.lab.charts import Line
from entropy_rl.lab.scales import Axis
from entropy_rl.lab.verdicts import Results

POINTS, ALL_POINTS = 50, 1000  # of a line, and of all lines: the file stays small enough to be kept with its figures
SMOOTHED = 60  # values from which on a metric is drawn as a moving mean: it is measured at every step
ROW, SWATCH, LETTER = 20, 18, 7.0
_STYLE = pathlib.Path(__file__).with_name("report.css")


def draw(results: Results, series: Sequence[str], title: str) -> str:
    """Panels side by side; "" where no run has any of the metrics.

    Args:
      series: names of metrics, at most one panel each.
      title: read out in the place of the picture.
    """
    most = min(POINTS, ALL_POINTS // max(len(series) * len(results.runs), 1))
    panels = [panel for key in series if (panel := _panel(results, key, most)) is not None]
    if not panels:
        return ""
    arms = list(results.runs)
    names = [arm for arm in arms if results.runs[arm] and not _label(results, arm)]
    width, legend = charts.WIDTH * len(panels), _legend(arms, names, charts.WIDTH * len(panels))
    placed = [
        panel.replace("<svg ", f'<svg x="{place * charts.WIDTH}" width="{charts.WIDTH}" height="{charts.HEIGHT}" ', 1)
        for place, panel in enumerate(panels)
    ]
    height = charts.HEIGHT + ROW * len(legend) + (8 if legend else 0)
    rows = Markup("").join(
        Markup('<g transform="translate(0 {})">{}</g>').format(charts.HEIGHT + ROW * place + 14, row)
        for place, row in enumerate(legend)
    )
    frame = Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        'font-family="system-ui, sans-serif" font-size="12" role="img" aria-label="{title}"><title>{title}</title>'
        '<style>{style}</style><rect width="100%" height="100%" fill="#fff"/>{panels}{rows}</svg>\n'
    )
    style, drawn = Markup(_style()), Markup("".join(placed))
    return str(frame.format(width=width, height=height, title=title, style=style, panels=drawn, rows=rows))


def _panel(results: Results, key: str, most: int) -> str | None:
    lines = []
    for index, arm in enumerate(results.runs):
        band = seeds.band([_smooth(run.series(key)) for run in results.of(arm)])
        if len(band.x):
            line = Line(index, band.x, band.y, label=_label(results, arm), low=band.low, high=band.high)
            lines.append(line.kept(_spread(len(band.x), most)))
    if not lines:
        return None
    # As a file the drawing has no pointer: what only serves the hover is left out.
    svg = str(charts.draw(key, Axis("RL step"), Axis(key), lines).svg)
    return svg.replace(' tabindex="0"', "")


def _label(results: Results, arm: str) -> str:
    """At the ends of the lines where all names are short and no two alike there; else "", and a legend names them."""
    return arm if all(len(name) <= charts.LABEL_LETTERS for name in results.runs) else ""


def _smooth(series: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    steps, values = series
    return (steps, fits.smooth(values)) if len(steps) >= SMOOTHED else series


def _spread(count: int, most: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int))


def _legend(arms: list[str], names: list[str], width: int) -> list[Markup]:
    """Rows of coloured marks with the names of the arms, in their order; with a gap where the lines have gaps."""
    whole = Markup('<rect x="{:.0f}" y="-9" width="12" height="12" fill="{}"/>')
    parted = Markup('<path d="M{:.0f} -9h5v12h-5zm8 0h4v12h-4z" fill="{}"/>')
    text = Markup('<text class="label" x="{:.0f}" y="1.5">{}</text>')
    rows: list[list[Markup]] = [[]] if names else []
    x = float(charts.LEFT)
    for name in names:
        needed = SWATCH + LETTER * len(name) + 22
        if rows[-1] and x + needed > width:
            rows.append([])
            x = float(charts.LEFT)
        turn, colour = divmod(arms.index(name), len(charts.COLOURS))
        rows[-1].append((parted if turn else whole).format(x, charts.COLOURS[colour]) + text.format(x + SWATCH, name))
        x += needed
    return [Markup("").join(row) for row in rows]


def _style() -> str:
    """The report's rules for drawings, so that a study looks like it."""
    lines = _STYLE.read_text().splitlines()
    return "".join(line for line in lines if line.startswith("svg")).replace("width: 100%; height: auto; ", "")
