"""Diversity beyond token entropy: how many answers there are, how many of them right, and where pass@k curves cross."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from entropy_rl.lab import diversity
from entropy_rl.lab.charts import ALL, GREY, Line
from entropy_rl.lab.figures import Figure, Section, Table, band_note, banded, figure, over_steps, present
from entropy_rl.lab.outcomes import percent
from entropy_rl.lab.runs import Run, number, seed_of
from entropy_rl.lab.scales import Axis
from entropy_rl.lab.seeds import Group, Series, band, mean

TEXT = (
    "Token entropy may rise while answers become fewer, or fall while plans stay many. Grey: before training. Where a "
    "curve goes below the grey one, training cost coverage."
)
MOST_PAIRS = 10
OVER_STEPS = (
    ("Answer entropy", "answer_entropy", Axis("nats per problem", low=0.0)),
    ("Right routes", "routes", Axis("effective number, where any is right", low=1.0)),
    ("Different wrong answers", "distinct_wrong", Axis("per problem", low=0.0)),
    ("Solved half of the time", "cover@0.5", Axis("validation problems", percent=True)),
    ("Entropy of planning tokens", "planning_entropy", Axis("nats per token", low=0.0)),
    ("Entropy of planning phrases", "phrase_entropy", Axis("nats per problem", low=0.0)),
    ("Calibration error of a vote", "vote_calibration_error", Axis("confidence less accuracy", percent=True, low=0.0)),
)


def section(groups: Sequence[Group]) -> Section:
    courses = [over_steps(groups, title, f"validation/{key}", axis, smooth=False) for title, key, axis in OVER_STEPS]
    table, figures = crossing_table(groups), present([_pass_at_k(groups), *courses])
    faults = [why for group in groups for run in group.runs if (why := diversity.fault_of(run))]
    return Section(
        "Diversity and coverage", TEXT if figures else "", figures, [table] if table.rows else [], notices=faults
    )


def _pass_at_k(groups: Sequence[Group]) -> Figure | None:
    """pass@k over k, of the test, and of the base where one is known."""
    lines, bases, ks = [], [], set()
    for index, group in enumerate(groups):
        curves = [_curve(run.summary.get("test")) for run in group.runs]
        bases += [curve for run in group.runs if len((curve := _curve(run.summary.get("base")))[0])]
        lines.append(banded(index, band(curves), label=group.short, hover=group.short))
        ks |= set(lines[-1].x.tolist())
    if len(ks) < 3:
        return None
    before = band(bases)
    lines.append(Line(ALL, before.x, before.y, label="base", hover="before training", style="dashed", colour=GREY))
    ticks = tuple(sorted(ks))
    caption = "Test problems solved within k samples." + band_note(lines)
    x_axis = Axis("k", log=True, ticks=ticks if len(ticks) <= 9 else ())
    return figure("pass@k", caption, x_axis, Axis("test problems solved", percent=True), lines)


def _curve(values: Any) -> Series:
    """k and pass@k, in order of k."""
    table = values if isinstance(values, Mapping) else {}
    found = [(int(match[1]), number(value)) for key, value in table.items() if (match := _PASS.fullmatch(key))]
    pairs = np.array(sorted(pair for pair in found if math.isfinite(pair[1])), np.float64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


_PASS = re.compile(r"pass@([1-9]\d*)")


def crossing_table(groups: Sequence[Group]) -> Table:
    """For each two settings: who leads at k = 1 and at the largest k, and where the curves cross.

    Runs of equal seeds are compared; of one run each, those two, whatever their seeds.
    """
    rows = []
    for one, other in itertools.islice(itertools.combinations(groups, 2), MOST_PAIRS):
        found = [crossing for pair in _pairs(one, other) if (crossing := diversity.crossing_of(*pair)) is not None]
        if found:
            rows.append([f"{one.short} less {other.short}", *_cells(found)])
    header = ["pass@k", "at k = 1", "at the largest k", "curves cross at k", "crossing in resamples"]
    note = (
        "Brackets: 95\u202f% over problems of one pair of runs; of several pairs of seeds, the lowest and the highest."
    )
    return Table(header, rows, note)


def _pairs(one: Group, other: Group) -> list[tuple[Run, Run]]:
    """Runs of equal seeds; those of one seed, or of an unknown one, in their order."""
    if len(one.runs) == len(other.runs) == 1:
        return [(one.runs[0], other.runs[0])]
    waiting = list(other.runs)
    pairs = []
    for run in one.runs:
        if (found := next((each for each in waiting if seed_of(each) == seed_of(run)), None)) is not None:
            waiting = [each for each in waiting if each is not found]
            pairs.append((run, found))
    return pairs


def _cells(found: Sequence[diversity.Crossing]) -> list[str]:
    ends = [_difference([getattr(crossing, name) for crossing in found]) for name in ("first", "last")]
    ks = [crossing.k for crossing in found if math.isfinite(crossing.k)]
    if not ks:
        where = "nowhere"
    elif len(found) == 1:
        low, high = found[0].interval
        where = f"{ks[0]:.1f} [{low:.1f}, {high:.1f}]"
    else:
        where = f"{np.mean(ks):.1f} [{min(ks):.1f}, {max(ks):.1f}], {len(ks)} of {len(found)} pairs"
    return [*ends, where, percent(mean([crossing.share for crossing in found]), 0)]


def _difference(ends: Sequence[tuple[float, float, float]]) -> str:
    values = [end[0] for end in ends]
    low, high = ends[0][1:] if len(ends) == 1 else (min(values), max(values))
    return f"{100 * mean(values):+.1f} [{100 * low:+.1f}, {100 * high:+.1f}]"
