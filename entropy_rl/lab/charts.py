"""Line charts as inline SVG: lines with bands, labelled at their ends, and the numbers for the hover."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from entropy_rl.lab.scales import Axis, Scale, json_scale, make_scale, tick_text
from entropy_rl.lab.text import visible

# Okabe and Ito's colours, told apart with every kind of colour vision; their yellow is too pale for a line on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
GREY = "#767676"
ALL = -1  # the run of what belongs to every run, and is never hidden
WIDTH, HEIGHT = 440, 280
LEFT, TOP, BOTTOM = 54, 26, 42
LABEL_LETTERS, LABEL_HEIGHT = 16, 15.0
LETTER, CAPITAL = 8.6, 10.7  # pixels in DejaVu Sans, one of the widest, at the size that phones get
OTHER_LETTERS = dict.fromkeys("mwMW@%+=<>~…", 13.5) | dict.fromkeys("ijlI.,:;|!'()[] ", 5.4)
UNMEASURED = ("upright", "spans")  # styles whose heights are none of the data's
MOST_POINTS = 300  # of one line: a pixel and a half each


@dataclasses.dataclass(frozen=True)
class Line:
    """One line or cloud of points.

    Attributes:
      run: index of the run it belongs to, which hides and shows it; ALL for none.
      label: written at its end, and beside its value under the pointer.
      hover: beside its value under the pointer, for a line without a label at its end; "" with no label: neither.
      style: "line", "dashed", "dotted", "faint", "dots", "marker", "upright" (a rule at each x, with its note) or
        "spans" (x alternates between the starts and the ends of shaded stretches).
      notes: text at each point of a "marker" or "upright" line.
      low, high: the band around it, as long as y; None for no band.
    """

    run: int
    x: np.ndarray
    y: np.ndarray
    label: str = ""
    hover: str = ""
    style: str = "line"
    colour: str = ""
    notes: tuple[str, ...] = ()
    low: np.ndarray | None = None
    high: np.ndarray | None = None

    def kept(self, mask: np.ndarray) -> Line:
        """The points that a mask, or a list of indices, names."""
        low, high = (None if side is None else side[mask] for side in (self.low, self.high))
        return dataclasses.replace(self, x=self.x[mask], y=self.y[mask], low=low, high=high)

    def thinned(self) -> Line:
        """At most MOST_POINTS points, evenly spaced, the first and the last among them; only finite ones."""
        line = dataclasses.replace(self, colour=self.colour or COLOURS[self.run % len(COLOURS)])
        line = line.kept(np.isfinite(self.x) & np.isfinite(self.y))
        count = len(line.x)
        return line.kept(np.unique(np.linspace(0, max(count - 1, 0), min(count, MOST_POINTS)).round().astype(int)))

    @property
    def heights(self) -> list[np.ndarray]:
        """All that the vertical axis has to cover."""
        return [self.y, *(side[np.isfinite(side)] for side in (self.low, self.high) if side is not None)]


@dataclasses.dataclass(frozen=True)
class Chart:
    """A drawing and the data for its hover, as plain JSON values."""

    svg: Markup
    data: dict


def draw(
    title: str,
    x_axis: Axis,
    y_axis: Axis,
    lines: Sequence[Line],
    height: int = HEIGHT,
    nearest: str = "x",
    beside: Sequence[str] = (),
) -> Chart:
    """Draws lines; the label of each stands at its end, moved up or down so that none covers another.

    Args:
      nearest: what the hover shows: "x", every line at the step under the pointer; "xy", the one nearest point.
      beside: leave room for these labels too: charts below each other then have one width.
    """
    title = visible(title, 120)
    lines = [line.thinned() for line in lines]
    if y_axis.log:
        lines = [line.kept(line.y > 0) for line in lines]
    lines = [line for line in lines if len(line.x)]
    labelled = _with_room([line for line in lines if line.label], height)
    longest = max((_breadth(label) for label in (*(line.label for line in labelled), *beside)), default=0.0)
    right = WIDTH - (longest + 12 if longest else 24)
    measured = [line for line in lines if line.style not in UNMEASURED]
    x_scale = make_scale([line.x for line in lines], x_axis, LEFT, right)
    y_scale = make_scale([side for line in measured for side in line.heights], y_axis, height - BOTTOM, TOP)
    order = sorted(lines, key=lambda line: (line.style not in UNMEASURED, line.style != "faint"))  # raw underneath
    body = [_grid(x_scale, y_scale, x_axis, y_axis, height, right)]
    body += [_band(line, x_scale, y_scale) for line in lines if line.low is not None and line.high is not None]
    body += [_line_mark(line, x_scale, y_scale) for line in order]
    body += _end_labels(labelled, x_scale, y_scale, height)
    svg = Markup(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" tabindex="0" aria-label="{}"><title>{}</title>{}'
        '<line class="guide" y1="{}" y2="{}" hidden="hidden"></line></svg>'
    ).format(WIDTH, height, title, title, Markup("").join(body), TOP, height - BOTTOM)
    series = [
        _series(line, name) for line in lines if (name := line.hover or line.label) and line.style not in UNMEASURED
    ]
    scales = {"x": json_scale(x_scale, x_axis), "y": json_scale(y_scale, y_axis)}
    return Chart(svg, {**scales, "series": series, "nearest": nearest})


def _with_room(labelled: list[Line], height: int) -> list[Line]:
    """The lines that are labelled: all, or, where labels would cover each other, none: the legend names them."""
    return labelled if (len(labelled) - 1) * LABEL_HEIGHT <= height - BOTTOM - TOP else []


def _series(line: Line, name: str) -> dict:
    found = {"run": line.run, "label": name, "colour": line.colour, "x": _rounded(line.x), "y": _rounded(line.y)}
    if line.low is not None and line.high is not None:
        found |= {"low": _rounded(line.low), "high": _rounded(line.high)}
    return found


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


def _band(line: Line, x_scale: Scale, y_scale: Scale) -> Markup:
    if line.low is None or line.high is None:
        return Markup("")
    kept = np.isfinite(line.low) & np.isfinite(line.high)
    xs = x_scale(line.x[kept])
    low, high = (y_scale.clipped(side[kept]) for side in (line.low, line.high))
    corners = [*zip(xs, high, strict=True), *zip(xs[::-1], low[::-1], strict=True)]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
    template = Markup('<g class="band" data-run="{}"><polygon points="{}" fill="{}"/></g>')
    return template.format(line.run, points, line.colour)


def _line_mark(line: Line, x_scale: Scale, y_scale: Scale) -> Markup:
    points = [(float(x), float(y)) for x, y in zip(x_scale(line.x), y_scale(line.y), strict=True)]
    if line.style == "upright":
        return _uprights(line, x_scale, y_scale)
    if line.style == "spans":
        return _spans(line, x_scale, y_scale)
    if line.style == "marker":
        inner = _markers(line, points, y_scale)
    elif line.style == "dots":
        inner = Markup("").join(Markup('<circle cx="{:.1f}" cy="{:.1f}" r="1.9"/>').format(x, y) for x, y in points)
    else:
        inner = Markup('<polyline points="{}"/>').format(" ".join(f"{x:.1f},{y:.1f}" for x, y in points))
        if len(points) == 1:  # a polyline of one point shows nothing
            inner += Markup('<circle cx="{:.1f}" cy="{:.1f}" r="3.5" fill="{}"/>').format(*points[0], line.colour)
    template = Markup('<g class="{}{}" data-run="{}" stroke="{}" fill="{}">{}</g>')
    filled = line.colour if line.style in ("dots", "marker") else "none"
    again = " again" if line.run >= len(COLOURS) else ""  # the same colour a second time: with gaps
    return template.format(line.style, again, line.run, line.colour, filled, inner)


def _markers(line: Line, points: Sequence[tuple[float, float]], y_scale: Scale) -> Markup:
    mark = Markup('<circle cx="{:.1f}" cy="{:.1f}" r="4.5"/><text class="note" x="{:.1f}" y="{:.1f}">{}</text>')
    notes = line.notes or ("",) * len(points)
    heights = spread([y + 13 for _, y in points], LABEL_HEIGHT, TOP, y_scale.start - 2)
    rows = zip(points, heights, notes, strict=True)
    return Markup("").join(mark.format(x, y, x + 7, note_y, note) for (x, y), note_y, note in rows)


def _uprights(line: Line, x_scale: Scale, y_scale: Scale) -> Markup:
    mark = Markup(
        '<line x1="{:.1f}" x2="{:.1f}" y1="{:.1f}" y2="{:.1f}"/><text class="note" x="{:.1f}" y="{:.1f}">{}</text>'
    )
    notes = line.notes or ("",) * len(line.x)
    rows = [
        mark.format(x, x, y_scale.start, y_scale.end, x + 3, y_scale.end + 9, note)
        for x, note in zip(map(float, x_scale(line.x)), notes, strict=True)
    ]
    template = Markup('<g class="upright" data-run="{}" stroke="{}">{}</g>')
    return template.format(line.run, line.colour, Markup("").join(rows))


def _spans(line: Line, x_scale: Scale, y_scale: Scale) -> Markup:
    mark = Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>')
    starts, ends = x_scale(line.x[::2]), x_scale(line.x[1::2])
    height = y_scale.start - y_scale.end
    rows = [mark.format(a, y_scale.end, max(b - a, 1.5), height) for a, b in zip(starts, ends, strict=True)]
    template = Markup('<g class="spans" data-run="{}" fill="{}">{}</g>')
    return template.format(line.run, line.colour, Markup("").join(rows))


def _end_labels(labelled: Sequence[Line], x_scale: Scale, y_scale: Scale, height: int) -> list[Markup]:
    wanted = [float(y_scale(line.y[-1])) for line in labelled]
    placed = spread(wanted, LABEL_HEIGHT, TOP, height - BOTTOM)
    template = Markup(
        '<g data-run="{}"><path class="leader" d="M{:.1f} {:.1f}L{:.1f} {:.1f}" stroke="{}"/>'
        '<text class="label" x="{:.1f}" y="{:.1f}">{}</text></g>'
    )
    marks = []
    for line, y, label_y in zip(labelled, wanted, placed, strict=True):
        short = _shortened(line.label)
        end, edge = float(x_scale(line.x[-1])), x_scale.end
        marks.append(template.format(line.run, end, y, edge + 7, label_y, line.colour, edge + 10, label_y + 4, short))
    return marks


def _shortened(label: str) -> str:
    return label if len(label) <= LABEL_LETTERS else label[: LABEL_LETTERS - 1] + "…"


def _breadth(label: str) -> float:
    """Pixels that a label takes, rather too many than too few."""
    return sum(OTHER_LETTERS.get(letter, CAPITAL if letter.isupper() else LETTER) for letter in _shortened(label))


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


def _rounded(values: np.ndarray) -> list[float | None]:
    return [float(f"{value:.5g}") if np.isfinite(value) else None for value in values]
