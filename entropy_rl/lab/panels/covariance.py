"""Where the covariance of log-probability and advantage lies: what makes entropy fall, by the first-order theory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from entropy_rl.lab.charts import COLOURS, Line
from entropy_rl.lab.figures import STEP, Figure, Section, Table, figure, over_steps, present
from entropy_rl.lab.scales import Axis
from entropy_rl.lab.seeds import Band, Group, mean

QUANTILES = ("50", "80", "98", "99.8", "99.98")
QUANTILE_COLOURS = ("#9ecae1", "#6baed6", "#3182bd", "#08519c", "#06264f")  # one hue, darker towards the tail
THIRDS = ("#9ecae1", "#3182bd", "#06264f")
TOPS = ("0.02", "0.2", "2", "20", "50")  # percent of the tokens
FLOOR = 1e-5  # nats * advantage: smaller values are rounding, and would take most of a logarithmic axis
TEXT = (
    "Quantiles over tokens of the covariance of log-probability and advantage; the mean is dashed. "
    "Where the upper lines stand decades above the middle, a few tokens drive the fall of entropy. Values below 1e-5 "
    "are left out: they are rounding, or have no place on a logarithmic axis."
)


def sections(groups: Sequence[Group]) -> list[Section]:
    """The mean and its parts for all settings together, and the quantiles of each, folded."""
    shared = [
        over_steps(groups, "Mean covariance", "covariance/mean", Axis("nats × advantage"), raw=True),
        over_steps(
            groups, "Tokens of positive covariance", "covariance/positive_fraction", Axis("of tokens", percent=True)
        ),
    ]
    shared += [_by_accuracy(index, group) for index, group in enumerate(groups)]
    quantiles = Section("Quantiles of the covariance", TEXT, quantile_figures(groups), folded=len(groups) > 4)
    table = _tail_table(groups)
    return [Section("Where the covariance lies", "", present(shared), [table] if table.rows else []), quantiles]


def _by_accuracy(index: int, group: Group) -> Figure | None:
    """The covariance within groups against how many of their answers are right, in three parts of the run."""
    keys = {k / 8: f"ledger/covariance/accuracy_{k}of8" for k in range(1, 8)}
    keys = {accuracy: key for accuracy, key in keys.items() if key in group.keys}
    lines = []
    for part, (label, colour) in enumerate(zip(("first third", "second third", "last third"), THIRDS, strict=True)):
        points = [(accuracy, mean(_third(group, key, part))) for accuracy, key in keys.items()]
        x, y = np.array(points, np.float64).reshape(-1, 2).T
        lines.append(Line(index, x, y, label=label, hover=label, colour=colour))
    axes = Axis("right answers in the group", percent=True, low=0.0, high=1.0), Axis("nats × advantage")
    return figure(f"Covariance by difficulty: {group.name}", "", *axes, lines)


def _third(group: Group, key: str, part: int) -> list[float]:
    """The values of a metric in one third of the steps, of all seeds."""
    found = []
    for run in group.runs:
        steps, values = run.series(key)
        edges = np.linspace(0, run.records[-1]["step"] + 1, 4) if run.records else np.zeros(4)
        found += values[(steps >= edges[part]) & (steps < edges[part + 1])].tolist()
    return found


def _tail_table(groups: Sequence[Group]) -> Table:
    """Mean covariance of the tokens where it is largest, over the whole run."""
    rows = []
    for group in groups:
        found = [[x for run in group.runs for x in run.series(f"ledger/covariance/top_{top}")[1]] for top in TOPS]
        if any(found):
            rows.append([group.name, *(f"{mean(values):.3g}".replace("nan", "—") for values in found)])
    note = "Mean covariance of the tokens with the largest one, nats × advantage, over the entries of the ledger."
    return Table(["run", *(f"top {top}\u202f%" for top in TOPS)], rows, note)


def quantile_figures(groups: Sequence[Group]) -> list[Figure]:
    """A chart for each setting, all with the same logarithmic axis; of several seeds, the means."""
    keys = (*(f"q{q}" for q in QUANTILES), "mean")
    series = [[group.band(f"covariance/{key}") for key in keys] for group in groups]
    values = np.concatenate([band.y for of_group in series for band in of_group] or [np.zeros(0)])
    shown = values[values > FLOOR]
    if not shown.size:
        return []
    axis = Axis("covariance [nats × advantage]", log=True, low=shown.min(), high=shown.max())
    labels = (*(f"{q} %" for q in QUANTILES), "mean")
    figures = []
    for index, (group, of_group) in enumerate(zip(groups, series, strict=True)):
        lines = [
            _above(index, band, label, colour)
            for band, label, colour in zip(of_group, labels, (*QUANTILE_COLOURS, COLOURS[1]), strict=True)
            if len(band.y) and (band.y > FLOOR).mean() > 0.5  # of fewer points a line would only jump
        ]
        figures.append(figure(f"Covariance: {group.name}", "", STEP, axis, lines))
    return present(figures)


def _above(index: int, band: Band, label: str, colour: str) -> Line:
    """Without the band of the seeds: five of them would cover each other."""
    style = "dashed" if label == "mean" else "line"
    return Line(index, band.x, band.y, label, style=style, colour=colour).kept(band.y > FLOOR)
