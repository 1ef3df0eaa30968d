"""Where the covariance of log-probability and advantage lies: what makes entropy fall, by the first-order theory."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from entropy_rl.lab.charts import COLOURS, Line
from entropy_rl.lab.figures import STEP, Figure, Section, figure, over_steps, present
from entropy_rl.lab.scales import Axis
from entropy_rl.lab.seeds import Band, Group

QUANTILES = ("50", "80", "98", "99.8", "99.98")
QUANTILE_COLOURS = ("#9ecae1", "#6baed6", "#3182bd", "#08519c", "#06264f")  # one hue, darker towards the tail
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
    quantiles = Section("Quantiles of the covariance", TEXT, quantile_figures(groups), folded=len(groups) > 4)
    return [Section("Where the covariance lies", "", present(shared)), quantiles]


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
