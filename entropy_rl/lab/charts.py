"""Line charts as inline SVG: scales with round ticks, lines labelled at their ends, and the numbers for the hover."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence

import numpy as np
from markupsafe import Markup

from entropy_rl.lab.text import visible

# Okabe and Ito's colours, told apart with every kind of colour vision; their yellow is too pale for a line on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
WIDTH, HEIGHT = 440, 280
LEFT, TOP, BOTTOM = 54, 26, 42
LABEL_LETTERS, LETTER_WIDTH, LABEL_HEIGHT = 16, 7.6, 15.0
MOST_POINTS = 300  # of one line: a pixel and a half each


@dataclasses.dataclass(frozen=True)
class Axis:
    """What an axis measures; limits left open come from the data."""

    label: str
    log: bool = False
    percent: bool = False
    low: float | None = None
    high: float | None = None


@dataclasses.dataclass(frozen=True)
class Line:
    """One line or cloud of points.

    Attributes:
      run: index of the run it belongs to, which hides and shows it.
      label: written at its end, and beside its value under the pointer.
      hover: beside its value under the pointer, for a line without a label at its end; "" with no label: neither.
      style: "line", "dashed", "faint", "dots" or "marker".
      notes: text at each point of a "marker" line.
    """

    run: int
    x: np.ndarray
    y: np.ndarray
    label: str = ""
    hover: str = ""
    style: str = "line"
    colour: str = ""
    notes: tuple[str, ...] = ()

    def thinned(self) -> Line:
        """At most MOST_POINTS points, evenly spaced, the first and the last among them; only finite ones."""
        finite = np.isfinite(self.x) & np.isfinite(self.y)
        x, y = self.x[finite], self.y[finite]
        keep = np.unique(np.linspace(0, max(len(x) - 1, 0), min(len(x), MOST_POINTS)).round().astype(int))
        return dataclasses.replace(self, x=x[keep], y=y[keep], colour=self.colour or COLOURS[self.run % len(COLOURS)])


@dataclasses.dataclass(frozen=True)
class Chart:
    """A drawing and the data for its hover, as plain JSON values."""

    svg: Markup
    data: dict


@dataclasses.dataclass(frozen=True)
class Scale:
    """Data to drawing units, with the ticks that the axis shows."""

    low: float
    high: float
    start: float
    end: float
    log: bool
    ticks: tuple[float, ...]

    def __call__(self, values: np.ndarray | float) -> np.ndarray:
        low, high = (math.log10(self.low), math.log10(self.high)) if self.log else (self.low, self.high)
        position = np.log10(values) if self.log else np.asarray(values, np.float64)
        return self.start + (position - low) / (high - low) * (self.end - self.start)


def make_scale(values: Iterable[np.ndarray], axis: Axis, start: float, end: float, most_ticks: int = 6) -> Scale:
    """A scale that covers the values (and the axis's own limits), ending on ticks where the data set no limit."""
    finite = np.concatenate([np.asarray(v, np.float64)[np.isfinite(v)] for v in values] or [np.zeros(0)])
    if axis.log:
        finite = finite[finite > 0]
    default = (1e-3, 1.0) if axis.log else (0.0, 1.0)
    low = axis.low if axis.low is not None else float(finite.min()) if finite.size else default[0]
    high = axis.high if axis.high is not None else float(finite.max()) if finite.size else default[1]
    if axis.log:
        return _log_scale(low, max(high, low * 1.01), start, end)
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-9):  # one value: give it air
        low, high = low - (abs(low) * 0.1 or 0.5), high + (abs(high) * 0.1 or 0.5)
    step = nice_step((high - low) / most_ticks)
    low = low if axis.low is not None else math.floor(low / step + 1e-9) * step
    high = high if axis.high is not None else math.ceil(high / step - 1e-9) * step
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return Scale(low, high, start, end, False, tuple(i * step for i in range(first, last + 1)))


def nice_step(step: float) -> float:
    """The least of 1, 2, 5 times a power of ten that is not below `step`."""
    power = 10.0 ** math.floor(math.log10(step))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= step * (1 - 1e-9))


def draw(
    title: str, x_axis: Axis, y_axis: Axis, lines: Sequence[Line], height: int = HEIGHT, nearest: str = "x"
) -> Chart:
    """Draws lines; the label of each stands at its end, moved up or down so that none covers another.

    Args:
      nearest: what the hover shows: "x", every line at the step under the pointer; "xy", the one nearest point.
    """
    title = visible(title, 120)
    lines = [line.thinned() for line in lines]
    if y_axis.log:
        lines = [dataclasses.replace(line, x=line.x[line.y > 0], y=line.y[line.y > 0]) for line in lines]
    lines = [line for line in lines if len(line.x)]
    longest = max((min(len(line.label), LABEL_LETTERS) for line in lines), default=0)
    right = WIDTH - (longest * LETTER_WIDTH + 16 if longest else 24)
    x_scale = make_scale([line.x for line in lines], x_axis, LEFT, right)
    y_scale = make_scale([line.y for line in lines], y_axis, height - BOTTOM, TOP)
    order = sorted(lines, key=lambda line: line.style != "faint")  # raw values lie underneath
    body = [_grid(x_scale, y_scale, x_axis, y_axis, height, right)]
    body += [_line_mark(line, x_scale, y_scale) for line in order]
    body += _end_labels(lines, x_scale, y_scale, height)
    svg = Markup(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}"><title>{}</title>{}'
        '<line class="guide" y1="{}" y2="{}" hidden="hidden"></line></svg>'
    ).format(WIDTH, height, title, title, Markup("").join(body), TOP, height - BOTTOM)
    series = [
        {"run": line.run, "label": name, "colour": line.colour, "x": _rounded(line.x), "y": _rounded(line.y)}
        for line in lines
        if (name := line.hover or line.label)
    ]
    scales = {"x": _json_scale(x_scale, x_axis), "y": _json_scale(y_scale, y_axis)}
    return Chart(svg, {**scales, "series": series, "nearest": nearest})


def tick_text(value: float, axis: Axis) -> str:
    """A number for an axis: no more digits than it has, thousands apart, percent where the axis counts in percent."""
    value = 0.0 if abs(value) < 1e-12 else value
    if axis.percent:
        return f"{value * 100:.6g} %"
    if value and (abs(value) < 1e-3 or abs(value) >= 1e6):
        mantissa, exponent = f"{value:.3e}".split("e")
        mantissa = mantissa.rstrip("0").rstrip(".")
        return f"{'' if mantissa == '1' else mantissa + '·'}10{_superscript(int(exponent))}"
    return f"{value:.6g}" if abs(value) < 10_000 else f"{value:,.0f}".replace(",", "\u202f")


def _log_scale(low: float, high: float, start: float, end: float) -> Scale:
    bottom, top = math.floor(math.log10(low) + 1e-9), math.ceil(math.log10(high) - 1e-9)
    if top - bottom <= 2:
        ticks = [f * 10.0**e for e in range(bottom, top + 1) for f in (1, 2, 5)]
    else:
        ticks = [10.0**e for e in range(bottom, top + 1, -(-(top - bottom) // 6))]
    low, high = 10.0**bottom, 10.0 ** max(top, bottom + 1)
    return Scale(low, high, start, end, True, tuple(t for t in ticks if low * 0.999 <= t <= high * 1.001))


def _grid(x_scale: Scale, y_scale: Scale, x_axis: Axis, y_axis: Axis, height: int, right: float) -> Markup:
    base = height - BOTTOM
    rule = Markup('<line class="grid" x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}"/>')
    text = Markup('<text x="{:.1f}" y="{:.1f}" class="{}">{}</text>')
    parts = []
    for tick in y_scale.ticks:
        y = float(y_scale(tick))
        parts += [rule.format(LEFT, right, y, y), text.format(LEFT - 6, y + 4, "tick end", tick_text(tick, y_axis))]
    for tick in x_scale.ticks:
        x = float(x_scale(tick))
        parts += [rule.format(x, x, base, base + 4), text.format(x, base + 17, "tick middle", tick_text(tick, x_axis))]
    parts.append(text.format(2, 12, "axis", y_axis.label))
    parts.append(text.format((LEFT + right) / 2, height - 6, "axis middle", x_axis.label))
    return Markup("").join(parts)


def _line_mark(line: Line, x_scale: Scale, y_scale: Scale) -> Markup:
    points = [(float(x), float(y)) for x, y in zip(x_scale(line.x), y_scale(line.y), strict=True)]
    if line.style == "marker":
        mark = Markup('<circle cx="{:.1f}" cy="{:.1f}" r="4.5"/><text class="note" x="{:.1f}" y="{:.1f}">{}</text>')
        notes = line.notes or ("",) * len(points)
        heights = spread([y + 13 for _, y in points], LABEL_HEIGHT, TOP, y_scale.start - 2)
        rows = zip(points, heights, notes, strict=True)
        inner = Markup("").join(mark.format(x, y, x + 7, note_y, note) for (x, y), note_y, note in rows)
    elif line.style == "dots":
        inner = Markup("").join(Markup('<circle cx="{:.1f}" cy="{:.1f}" r="1.9"/>').format(x, y) for x, y in points)
    else:
        inner = Markup('<polyline points="{}"/>').format(" ".join(f"{x:.1f},{y:.1f}" for x, y in points))
        if len(points) == 1:  # a polyline of one point shows nothing
            inner += Markup('<circle cx="{:.1f}" cy="{:.1f}" r="3.5" fill="{}"/>').format(*points[0], line.colour)
    template = Markup('<g class="{}" data-run="{}" stroke="{}" fill="{}">{}</g>')
    filled = line.colour if line.style in ("dots", "marker") else "none"
    return template.format(line.style, line.run, line.colour, filled, inner)


def _end_labels(lines: Sequence[Line], x_scale: Scale, y_scale: Scale, height: int) -> list[Markup]:
    labelled = [line for line in lines if line.label]
    wanted = [float(y_scale(line.y[-1])) for line in labelled]
    placed = spread(wanted, LABEL_HEIGHT, TOP, height - BOTTOM)
    template = Markup(
        '<g data-run="{}"><path class="leader" d="M{:.1f} {:.1f}L{:.1f} {:.1f}" stroke="{}"/>'
        '<text class="label" x="{:.1f}" y="{:.1f}">{}</text></g>'
    )
    marks = []
    for line, y, label_y in zip(labelled, wanted, placed, strict=True):
        short = line.label if len(line.label) <= LABEL_LETTERS else line.label[: LABEL_LETTERS - 1] + "…"
        end, edge = float(x_scale(line.x[-1])), x_scale.end
        marks.append(template.format(line.run, end, y, edge + 7, label_y, line.colour, edge + 10, label_y + 4, short))
    return marks


def spread(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Positions near the wanted ones, at least `gap` apart where there is room, between `low` and `high`."""
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    gap = min(gap, (high - low) / max(len(wanted) - 1, 1))
    placed = [0.0] * len(wanted)
    floor = low
    for i in order:
        placed[i] = max(wanted[i], floor)
        floor = placed[i] + gap
    ceiling = high
    for i in reversed(order):
        placed[i] = min(placed[i], ceiling)
        ceiling = placed[i] - gap
    return placed


def _json_scale(scale: Scale, axis: Axis) -> dict:
    ends = {"low": scale.low, "high": scale.high, "start": scale.start, "end": scale.end}
    return {**ends, "log": scale.log, "percent": axis.percent, "label": axis.label}


def _rounded(values: np.ndarray) -> list[float]:
    return [float(f"{value:.5g}") for value in values]


def _superscript(number: int) -> str:
    return str(number).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
