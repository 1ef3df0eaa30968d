"""Which tokens a method acted on."""

from __future__ import annotations

import re
from collections.abc import Sequence

from entropy_rl.lab.figures import SHARE, STEP, Figure, Section, banded, figure, present
from entropy_rl.lab.seeds import Group, mean

TEXT = (
    "Of the tokens a method acted on: solid, the share whose advantage is positive; dashed, the mean probability "
    "that the policy gave them. High on both: it restrains tokens that are likely already."
)


def section(groups: Sequence[Group]) -> Section:
    pattern = re.compile(r"select/(.+)/positive_advantage$")
    methods = sorted({match[1] for group in groups for key in group.keys if (match := pattern.match(key))})
    return Section("Which tokens were selected", TEXT, present(_figure(groups, method) for method in methods))


def _figure(groups: Sequence[Group], method: str) -> Figure | None:
    lines, fractions = [], []
    for index, group in enumerate(groups):
        positive, probability = (
            group.band(f"select/{method}/{key}", smooth=True) for key in ("positive_advantage", "mean_probability")
        )
        lines.append(banded(index, positive, label=group.short, hover=f"{group.short}, positive advantage"))
        lines.append(banded(index, probability, hover=f"{group.short}, probability", style="dashed"))
        fraction = mean([value for run in group.runs for value in run.series(f"select/{method}/fraction")[1]])
        if fraction == fraction:
            fractions.append(f"{group.name}: {100 * fraction:.3g} % of tokens")
    return figure(method, "; ".join(fractions), STEP, SHARE, lines)
