"""How early a run spends its entropy, and how early it makes its gain."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from entropy_rl.lab import budget
from entropy_rl.lab.charts import ALL, GREY, Line
from entropy_rl.lab.figures import Figure, Section, Table, band_note, banded, figure, present
from entropy_rl.lab.law import ENTROPY, REWARD
from entropy_rl.lab.outcomes import percent
from entropy_rl.lab.runs import Run
from entropy_rl.lab.scales import Axis
from entropy_rl.lab.seeds import Band, Group, band, mean

GRID = np.linspace(0.0, 1.0, 101)
BRACKETS = ((1 / 12, "1/12"), (1 / 3, "1/3"))
PUBLISHED = {"spent": (0.73, 0.94), "gained": (0.76, 0.93)}  # at the brackets; Cui et al. 2025, arXiv 2505.22617
TEXT = (
    "Shares of each run's own total so far, from its first smoothed value to its last. Brackets at 1/12 and 1/3 of "
    "the run; grey dots: what was published for 7B to 32B models (73 % and 94 % spent, 76 % and 93 % gained)."
)
WORDS = {1 / 12: "1/12", 1 / 4: "1/4", 1 / 3: "1/3", 1 / 2: "1/2"}


def section(groups: Sequence[Group]) -> Section:
    charts = [_over_run(groups, "Entropy spent", "spent"), _over_run(groups, "Gain made", "gained"), _against(groups)]
    return Section("The entropy budget", TEXT, present(charts), [table(groups)])


def table(groups: Sequence[Group]) -> Table:
    """Entropy spent and gain made by some parts of the run; of several seeds, the means."""
    rows = []
    for group in groups:
        tables = [run.table(ENTROPY, REWARD) for run in group.runs]
        spendings = [budget.budget(steps, entropies, rewards) for steps, entropies, rewards in tables]
        spendings = [found for found in spendings if found]
        cells = [
            " / ".join(percent(mean([getattr(s[i], name) for s in spendings]), 0) for name in ("spent", "gained"))
            for i in range(len(budget.FRACTIONS))
        ]
        rows.append([group.name, *cells])
    return Table(["run", *(f"at {WORDS[part]}: spent / gained" for part in budget.FRACTIONS)], rows)


def _shares(run: Run) -> tuple[np.ndarray, np.ndarray] | None:
    """[101] entropy spent and [101] gain made along the run; None for a run too short."""
    steps, entropies, rewards = run.table(ENTROPY, REWARD)
    if len(steps) < 3:
        return None
    along = (steps - steps[0]) / (steps[-1] - steps[0])
    spent, gained = budget.shares(entropies, rewards)
    return np.interp(GRID, along, spent), np.interp(GRID, along, gained)


def _bands(group: Group) -> tuple[Band, Band] | None:
    """Of the runs whose entropy fell and whose reward rose."""
    both = [pair for pair in group.each(_shares) if np.isfinite(pair).all()]
    if not both:
        return None
    spent, gained = ([(GRID, values) for values in side] for side in zip(*both, strict=True))
    return band(spent), band(gained)


def _over_run(groups: Sequence[Group], title: str, which: str) -> Figure | None:
    lines = []
    for index, group in enumerate(groups):
        if (pair := _bands(group)) is not None:
            lines.append(banded(index, pair[which == "gained"], label=group.short, hover=group.short))
    fractions, notes = [at for at, _ in BRACKETS], tuple(note for _, note in BRACKETS)
    lines += [
        Line(ALL, np.array(fractions), np.ones(2), style="upright", colour=GREY, notes=notes),
        Line(ALL, np.array(fractions), np.array(PUBLISHED[which]), hover="published", style="marker", colour=GREY),
    ]
    if not lines[:-2]:
        return None
    y_axis = _until(lines[:-2], "of its total", lambda line: np.concatenate(line.heights))
    return figure(title, band_note(lines).strip(), Axis("part of the run", percent=True), y_axis, lines)


def _against(groups: Sequence[Group]) -> Figure | None:
    """Gain against entropy, with the brackets on the way."""
    lines = []
    for index, group in enumerate(groups):
        if (pair := _bands(group)) is None:
            continue
        spent, gained = pair[0].y, pair[1].y
        at = np.array([fraction for fraction, _ in BRACKETS])
        xs, ys = np.interp(at, GRID, spent), np.interp(at, GRID, gained)
        lines.append(Line(index, spent, gained, hover=group.short))
        notes = tuple(note for _, note in BRACKETS) if len(groups) == 1 else ()
        lines.append(Line(index, xs, ys, style="marker", notes=notes))
    if not lines:
        return None
    axes = _until(lines, "entropy spent", lambda line: line.x), _until(lines, "gain made", lambda line: line.y)
    diagonal = Line(ALL, np.array([0.0, 1.0]), np.array([0.0, 1.0]), style="dashed", colour=GREY)
    caption = "Above the diagonal, gain came faster than entropy went. Dots: 1/12 and 1/3 of the run."
    return figure("Gain against entropy", caption, *axes, [diagonal, *lines], nearest="xy")


def _until(lines: Sequence[Line], label: str, side: Callable[[Line], np.ndarray]) -> Axis:
    """An axis that ends at 100 % or at the data, not at the next round number: noise often goes a little beyond."""
    values = np.concatenate([side(line) for line in lines])
    low, high = float(min(0.0, np.nanmin(values))), float(max(1.0, np.nanmax(values)))
    return Axis(label, percent=True, low=low, high=high)
