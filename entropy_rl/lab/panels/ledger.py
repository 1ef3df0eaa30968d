"""The entropy ledger: at which tokens entropy went, and how well the first order tells what happened."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import numpy as np

from entropy_rl.lab import ledger
from entropy_rl.lab.charts import ALL, COLOURS, GREY, Line
from entropy_rl.lab.figures import STEP, Figure, Section, Table, banded, figure, present
from entropy_rl.lab.ledger import Ledger
from entropy_rl.lab.scales import Axis
from entropy_rl.lab.seeds import Band, Group, band, mean

TEXT = (
    "Change of the entropy at visited states, summed over the run and booked by the token that was sampled there: the "
    "sign of its advantage A, and whether it was likelier than exp(−H), so that more of it is less entropy. First "
    "order, −Cov(log π, Δz); each entry stands for the steps since the one before it. Parts add up to the black line."
)
NOTE = (
    "True change and first order over entries; of an entry over its states; proxies: correlation over entries of the "
    "fall of entropy with what is commonly logged in its place. Missed: largest share of an entry that its parts miss."
)
KINDS_NOTE = (
    "First order, summed over the run, nats per token: by the role of the token, and by whether it was clipped."
)
SUMMED = Axis("nats per token, summed")
PARTS = {
    "A>0, likely": [("positive", "likely")],
    "A>0, unlikely": [("positive", "unlikely")],
    "A<0, likely": [("negative", "likely")],
    "A<0, unlikely": [("negative", "unlikely")],
    "A=0": [("zero", "likely"), ("zero", "unlikely")],
}
KINDS = (("role", "planning"), ("role", "execution"), ("role", "other"), ("clipped", "passed"), ("clipped", "clipped"))


def section(groups: Sequence[Group]) -> Section:
    kept = [(index, group, found) for index, group in enumerate(groups) if (found := group.each(ledger.of_run))]
    figures = [_cumulative(*each) for each in kept] + [_selected(*each) for each in kept] + [_first_order(kept)]
    tables = [_table([each[1:] for each in kept]), _kinds([each[1:] for each in kept])]
    return Section("The entropy ledger", TEXT, present(figures), [table for table in tables if table.rows])


def _summed(found: Sequence[Ledger], values: Callable[[Ledger], np.ndarray]) -> Band:
    """The running sum of what each ledger says, over seeds."""
    return band([(one.steps, one.cumulative(values(one))) for one in found])


def _cumulative(index: int, group: Group, found: Sequence[Ledger]) -> Figure | None:
    """The parts, their sum, and what the entropy of rollouts did meanwhile."""
    lines, told = [], [one for one in found if one.parts]
    for (label, keys), colour in zip(PARTS.items(), COLOURS, strict=False):
        if told:
            part = _summed(told, functools.partial(_of, keys=keys))
            lines.append(banded(index, part, label=label, hover=label, colour=colour))
    whole = _summed(found, lambda one: one.first_order)
    lines.append(banded(index, whole, label="all", hover="all parts", colour="#000000"))
    seen = band([(one.steps, one.observed) for one in found if np.isfinite(one.observed).all()])
    hover = "entropy of rollouts, since the first entry"
    lines.append(Line(index, seen.x, seen.y, hover=hover, style="dotted", colour=GREY))
    caption = "Dotted: the entropy of rollouts, which visit other states as time goes on."
    return figure(f"Where entropy went: {group.name}", caption, STEP, SUMMED, lines, height=320)


def _of(one: Ledger, keys: Sequence[tuple[str, str]]) -> np.ndarray:
    """[n] first order at the tokens of some kinds."""
    by = one.by("sign", "likelihood")
    return np.sum([by[key] for key in keys], axis=0)


def _selected(index: int, group: Group, found: Sequence[Ledger]) -> Figure | None:
    """What happened at the tokens that each method acts on."""
    methods = sorted({method for one in found for method in one.selected})
    lines = []
    for place, method in enumerate(methods):
        told = [one for one in found if method in one.selected]
        part = _summed(told, lambda one, method=method: one.selected[method])
        lines.append(banded(index, part, label=method, hover=method, colour=COLOURS[place % len(COLOURS)]))
    caption = "First order at the tokens that a method acts on. They overlap, and are no causes."
    return figure(f"At selected tokens: {group.name}", caption, STEP, SUMMED, lines)


def _first_order(kept: Sequence[tuple[int, Group, Sequence[Ledger]]]) -> Figure | None:
    """The true change of each entry against its first order."""
    lines = []
    for index, group, found in kept:
        x, y = (np.concatenate([getattr(one, name) for one in found]) for name in ("first_order", "change"))
        lines.append(Line(index, x, y, hover=group.short, style="dots"))
    if not lines:
        return None
    values = np.concatenate([side for line in lines for side in (line.x, line.y)])
    ends = np.array([values.min(), values.max()])
    lines.insert(0, Line(ALL, ends, ends, style="dashed", colour=GREY))
    axes = Axis("first order [nats per token]"), Axis("true change [nats per token]")
    return figure("First order and truth", "One point for each entry; dashed: equal.", *axes, lines, nearest="xy")


def _table(kept: Sequence[tuple[Group, Sequence[Ledger]]]) -> Table:
    """How well the first order does, and the proxies; of several seeds, the means."""
    rows = []
    for group, found in kept:
        of_states = [value for one in found for value in one.correlations]
        left = [np.abs(one.residual).mean() / size for one in found if (size := np.abs(one.change).mean()) > 0]
        proxies = [
            mean([one.proxy_correlation(name) for one in found if name in one.proxies]) for name in ledger.PROXIES
        ]
        told = [mean([one.correlation for one in found]), mean([one.slope for one in found]), mean(of_states)]
        cells = [*(f"{value:.3f}" for value in told), *(f"{value:.2f}" for value in (mean(left), *proxies))]
        rows.append([group.name, *(cell.replace("nan", "—").replace("-", "−") for cell in (*cells, _missed(found)))])
    header = ["run", "correlation", "slope", "correlation over states", "|residual| / |change|"]
    return Table([*header, *(f"proxy: {name}" for name in ledger.PROXIES), "missed"], rows, NOTE)


def _missed(found: Sequence[Ledger]) -> str:
    share = mean([one.unaccounted for one in found])
    return f"{100 * share:.2f}\u202f%" if not share < 1e-4 else "under 0.01\u202f%"


def _kinds(kept: Sequence[tuple[Group, Sequence[Ledger]]]) -> Table:
    """Where the first order lies by role and by clipping."""
    rows = []
    for group, found in kept:
        told = [one for one in found if one.parts]
        if told:
            totals = [mean([one.cumulative(one.by(side)[(kind,)])[-1] for one in told]) for side, kind in KINDS]
            rows.append([group.name, *(f"{total:+.3f}".replace("-", "−") for total in totals)])
    return Table(["run", *(kind for _, kind in KINDS)], rows, KINDS_NOTE)
