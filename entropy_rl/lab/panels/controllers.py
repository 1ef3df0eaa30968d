"""The closed loop: target, entropy, what each actuator is set to, and where it is at its end."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from entropy_rl.lab import closed_loop
from entropy_rl.lab.charts import COLOURS, Chart, Line, draw
from entropy_rl.lab.figures import STEP, Figure, Section, Table, banded
from entropy_rl.lab.outcomes import percent
from entropy_rl.lab.scales import Axis
from entropy_rl.lab.seeds import Band, Group, mean
from entropy_rl.lab.text import visible

TEXT = (
    "Dashed: the target, with ±5 % of the first entropy around it. Below: what the loop sets to hold it. Shaded: at "
    "the end of its range and more is asked for, so that the target is out of reach for now."
)
TOLERANCE = 0.05  # of the first entropy
SHADE, TARGET = "#B05A00", "#000000"
STRIP = 170  # height of an actuator's chart


def section(groups: Sequence[Group]) -> Section:
    found = [(index, group, loop) for index, group in enumerate(groups) for loop in loops(group)]
    figures = [_panel(index, group, loop) for index, group, loop in found]
    table = _table([(group, loop) for _, group, loop in found])
    return Section("The closed loop", TEXT, figures, [table] if figures else [])


def loops(group: Group) -> list[str]:
    """Names of the loops that the runs of a setting have."""
    pattern = re.compile(r"controller/(.+)/target$")
    return sorted(match[1] for key in group.keys if (match := pattern.match(key)))


def actuators(group: Group, loop: str) -> list[str]:
    """Names of what a loop sets."""
    pattern = re.compile(rf"controller/{re.escape(loop)}/(.+)/output$")
    return sorted(match[1] for key in group.keys if (match := pattern.match(key)))


def _panel(index: int, group: Group, loop: str) -> Figure:
    """Entropy and target, and below them each actuator, over the same steps."""
    prefix = f"controller/{loop}"
    entropy, target = (group.band(f"{prefix}/{name}") for name in ("entropy", "target"))
    steps = Axis(STEP.label, low=0.0, high=float(max(entropy.x.max(), 1.0)))
    width = TOLERANCE * float(entropy.y[0])
    goal = Line(
        index, target.x, target.y, "target", "target ±5 % of the first entropy", "dashed", TARGET,
        low=target.y - width, high=target.y + width,
    )  # fmt: skip
    moving = group.band(f"{prefix}/entropy", smooth=True)
    lines = [
        _saturated(index, group, prefix),
        Line(index, entropy.x, entropy.y, style="faint"),
        goal,
        banded(index, moving, label="entropy", hover="entropy, moving mean"),
    ]
    title = f"{group.name}: {loop}" if len(loops(group)) > 1 else group.name
    names = actuators(group, loop)
    labels = *names, *(line.label for line in lines)
    charts = [draw(title, steps, Axis("nats per token", low=0.0), lines, height=300, beside=labels)]
    charts += [
        _strip(index, group, f"{prefix}/{name}", name, COLOURS[(place + 2) % len(COLOURS)], steps, labels)
        for place, name in enumerate(names)
    ]
    return Figure(f"Target and entropy: {title}", "", tuple(charts))


def _strip(index: int, group: Group, prefix: str, name: str, colour: str, steps: Axis, labels: Sequence[str]) -> Chart:
    line = banded(index, group.band(f"{prefix}/output"), label=name, hover=name, colour=colour)
    return draw(
        name, steps, Axis(f"{name} is set to"), [_saturated(index, group, prefix), line], height=STRIP, beside=labels
    )


def _saturated(index: int, group: Group, prefix: str) -> Line:
    """The stretches in which most seeds are at the end of the range."""
    return Line(index, *_stretches(group.band(f"{prefix}/saturated")), style="spans", colour=SHADE)


def _stretches(band: Band) -> tuple[np.ndarray, np.ndarray]:
    """Starts and ends, alternating, and as many zeros."""
    inside = np.concatenate([[False], band.y > 0.5, [False]])
    edges = np.flatnonzero(inside[1:] != inside[:-1])
    edges[1::2] -= 1  # the last step inside
    ends = band.x[edges] if len(band.x) else np.zeros(0)
    return ends, np.zeros(len(ends))


def _table(found: Sequence[tuple[Group, str]]) -> Table:
    """How well each loop did what it was asked: of several seeds, the means."""
    rows = []
    for group, loop in found:
        told = [one[loop] for one in group.each(closed_loop.of_run) if loop in one]
        if told:
            rows.append([f"{group.name}, {loop}", *_cells(told)])
    header = ["loop", "error", "wandering", "off track", "settled at step", "steps saturated", "in the end"]
    note = (
        "Error: of the last half's mean, of the target. Wandering: largest error of a mean of 20 steps in that half. "
        "Off track: the largest over the run, of the first entropy. Settled: a mean of 5 "
        "steps was within 5\u202f%, and so was that of the 20 after them."
    )
    return Table(header, rows, note)


def _cells(told: Sequence[closed_loop.ClosedLoop]) -> list[str]:
    error = mean([one.error for one in told])
    shares = [percent(mean([getattr(one, name) for one in told])) for name in ("wandering", "off_track")]
    settled = [one.settled for one in told if one.settled is not None]
    when = f"{mean(settled):.0f}" if len(settled) == len(told) else f"{len(settled)} of {len(told)} did"
    stuck = sorted({name for one in told for name in one.out_of_reach})
    holding = sum(one.holds for one in told)
    held = "holds" if holding == len(told) else "does not hold" if not holding else f"{holding} of {len(told)} hold"
    end = f"out of reach: {', '.join(stuck)} at the end of its range" if stuck else held
    saturated = percent(mean([one.saturated for one in told]), 0)
    return [f"{100 * error:+.1f}\u202f%".replace("-", "−"), *shares, when, saturated, visible(end, 80)]
