"""The entropy ledger: at which tokens entropy went, and how well the first order tells what happened."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from entropy_rl.lab.charts import ALL, COLOURS, GREY, Line
from entropy_rl.lab.figures import STEP, Figure, Section, Table, banded, figure, present
from entropy_rl.lab.law import ENTROPY
from entropy_rl.lab.runs import Run
from entropy_rl.lab.scales import Axis
from entropy_rl.lab.seeds import Group, Series, band, mean

TEXT = (
    "Change of the entropy at visited states, summed over the run and booked by the token that was sampled there: the "
    "sign of its advantage, and whether it was likelier than exp(−H), so that more of it is less entropy. First order, "
    "−Cov(log π, Δz); each entry stands for the steps since the one before it. Parts add up to the black line."
)
NOTE = (
    "Correlation and slope of the true change on its first order, over states, mean over entries. Proxies: correlation "
    "over entries of the true fall of entropy with what is commonly logged in its place."
)
PARTS = {
    "rewarded, likely": r"positive/likely/",
    "rewarded, unlikely": r"positive/unlikely/",
    "punished, likely": r"negative/likely/",
    "punished, unlikely": r"negative/unlikely/",
    "no signal": r"zero/",
}
LABELS = ("A>0, likely", "A>0, unlikely", "A<0, likely", "A<0, unlikely", "A=0")
PROXIES = ("covariance", "discriminator")


def section(groups: Sequence[Group]) -> Section:
    kept = [(index, group) for index, group in enumerate(groups) if "ledger/first_order" in group.keys]
    figures = [_cumulative(index, group) for index, group in kept]
    figures += [_selected(index, group) for index, group in kept]
    table = _table([group for _, group in kept])
    return Section("The entropy ledger", TEXT, present([*figures, _first_order(kept)]), [table] if kept else [])


def _entries(run: Run, keys: Sequence[str]) -> Series:
    """Steps of the entries, and the running sum of some parts, each entry standing for the steps since the last."""
    totals: dict[float, float] = {}
    for key in keys:
        for step, value in zip(*run.series(key), strict=True):
            totals[step] = totals.get(step, 0.0) + value
    steps = np.array(run.series("ledger/first_order")[0])
    if not len(steps):
        return steps, steps
    values = np.array([totals.get(step, 0.0) for step in steps])
    return steps, np.cumsum(values * np.diff(steps, prepend=0.0))


def _cumulative(index: int, group: Group) -> Figure | None:
    """The parts, their sum, and what the entropy of rollouts did meanwhile."""
    lines = []
    for label, pattern, colour in zip(LABELS, PARTS.values(), COLOURS, strict=False):
        keys = sorted(key for key in group.keys if re.match(f"ledger/part/{pattern}", key))
        if keys:
            found = band([_entries(run, keys) for run in group.runs])
            lines.append(banded(index, found, label=label, hover=label, colour=colour))
    whole = band([_entries(run, ["ledger/first_order"]) for run in group.runs])
    lines.append(banded(index, whole, label="all", hover="all parts", colour="#000000"))
    seen = band(
        [(x[:], y - y[0]) for run in group.runs if len((series := run.series(ENTROPY))[0]) for x, y in [series]]
    )
    lines.append(Line(index, seen.x, seen.y, hover="entropy of rollouts, less its first", style="dotted", colour=GREY))
    caption = "Dotted: entropy of the rollouts, which change their states too."
    return figure(f"Where entropy went: {group.name}", caption, STEP, Axis("nats per token, summed"), lines, height=320)


def _selected(index: int, group: Group) -> Figure | None:
    """What happened at the tokens that each method acts on."""
    pattern = re.compile(r"ledger/at_selected/(\w+)$")
    methods = sorted(match[1] for key in group.keys if (match := pattern.match(key)))
    lines = []
    for place, method in enumerate(methods):
        found = band([_entries(run, [f"ledger/at_selected/{method}"]) for run in group.runs])
        lines.append(banded(index, found, label=method, hover=method, colour=COLOURS[place % len(COLOURS)]))
    caption = "First order at the tokens that a method acts on. They overlap, and are no causes."
    return figure(f"At selected tokens: {group.name}", caption, STEP, Axis("nats per token, summed"), lines)


def _first_order(kept: Sequence[tuple[int, Group]]) -> Figure | None:
    """The true change of each entry against its first order."""
    lines, values = [], []
    for index, group in kept:
        tables = [run.table("ledger/first_order", "ledger/change") for run in group.runs]
        x, y = (np.concatenate(column) for column in zip(*(table[1:] for table in tables), strict=True))
        lines.append(Line(index, x, y, hover=group.name, style="dots"))
        values += [x, y]
    if not values:
        return None
    low, high = (float(edge(np.concatenate(values))) for edge in (np.min, np.max))
    ends = np.array([low, high])
    lines.insert(0, Line(ALL, ends, ends, style="dashed", colour=GREY))
    axes = Axis("first order [nats per token]"), Axis("true change [nats per token]")
    return figure("First order and truth", "One point for each entry; dashed: equal.", *axes, lines, nearest="xy")


def _table(groups: Sequence[Group]) -> Table:
    rows = []
    for group in groups:
        told = _means(group, ("ledger/correlation", "ledger/slope"))
        first, residual = (
            float(np.mean([np.abs(run.series(f"ledger/{key}")[1]).mean() for run in group.runs]))
            for key in ("change", "residual")
        )
        proxies = [f"{mean([_correlation(run, proxy) for run in group.runs]):.2f}" for proxy in PROXIES]
        cells = [f"{told[key]:.3f}" for key in told] + [f"{residual / first:.2f}" if first else "nan", *proxies]
        rows.append([group.name, *(cell.replace("nan", "—") for cell in cells)])
    header = ["run", "correlation", "slope", "|residual| / |change|", *(f"proxy: {name}" for name in PROXIES)]
    return Table(header, rows, NOTE)


def _means(group: Group, keys: Sequence[str]) -> Mapping[str, float]:
    return {key: mean([value for run in group.runs for value in run.series(key)[1]]) for key in keys}


def _correlation(run: Run, proxy: str) -> float:
    """Of a proxy with the fall of entropy, over the entries of a run."""
    _, change, told = run.table("ledger/change", f"ledger/proxy/{proxy}")
    if len(change) < 3 or np.ptp(change) == 0 or np.ptp(told) == 0:
        return float("nan")
    return float(np.corrcoef(-change, told)[0, 1])
