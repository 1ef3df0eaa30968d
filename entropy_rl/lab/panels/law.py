"""Reward against entropy: the law, its rivals, and where it says that a run will end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from entropy_rl.lab import law, rivals
from entropy_rl.lab.charts import Line
from entropy_rl.lab.figures import Figure, Section, Table, figure, present
from entropy_rl.lab.law import ENTROPY, REWARD, Law
from entropy_rl.lab.runs import Run
from entropy_rl.lab.scales import Axis
from entropy_rl.lab.seeds import Group, mean

TEXT = (
    "Each point is a step (both axes smoothed over 7 steps); a run moves to the left as its entropy is spent. "
    "Solid: R = −a·exp(H) + b. Dashed: a straight line in H. Large dot at H = 0: the ceiling b − a, the reward "
    "that the law expects once no entropy is left; none where a is not above 0, as reward falls with H there."
)
UNFITTED = "too few steps, or too little change in entropy, to fit"


def section(groups: Sequence[Group]) -> Section:
    tables = [law_table(groups), rival_table(groups)]
    return Section("What entropy buys", TEXT, present([_chart(groups)]), [table for table in tables if table.rows])


def _chart(groups: Sequence[Group]) -> Figure | None:
    lines = []
    for index, group in enumerate(groups):
        points = [_points(run) for run in group.runs]
        entropies, rewards = (np.concatenate(values) for values in zip(*points, strict=True))
        lines.append(Line(index, entropies, rewards, hover=group.short, style="dots"))
        if not group.each(law.of_run):
            continue
        fit = _pooled(entropies, rewards)
        grid = np.linspace(0.0 if fit.a > 0 else entropies.min(), entropies.max(), 60)
        lines.append(Line(index, grid, fit(grid), label=group.short))
        lines.append(Line(index, grid, fit.line(grid), style="dashed"))
        if fit.a > 0:
            ceiling = np.array([fit.ceiling])
            lines.append(Line(index, np.zeros(1), ceiling, hover=f"{group.short}, ceiling", style="marker"))
    axes = Axis("token entropy H [nats]", low=0.0), Axis("training reward R")
    pooled = any(len(group.runs) > 1 for group in groups)
    caption = "Several seeds: the curves are fitted to the points of all of them." if pooled else ""
    return figure("Reward against entropy", caption, *axes, lines, height=330, nearest="xy")


def _points(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """Smoothed entropies and rewards at the steps that have both: two [n]."""
    _, entropies, rewards = run.table(ENTROPY, REWARD)
    return law.smooth(entropies), law.smooth(rewards)


def _pooled(entropies: np.ndarray, rewards: np.ndarray) -> Law:
    return law.fit_law(entropies, rewards)  # the curve alone: intervals are those of each run, in the table


def law_table(groups: Sequence[Group]) -> Table:
    """The fits of each setting: of one run with its intervals, of several seeds their mean and extremes."""
    rows = []
    for group in groups:
        fits, compared = group.each(law.of_run), group.each(rivals.of_run)
        if not fits:
            rows.append([group.name, *["—"] * 3, UNFITTED, "—", "—"])
            continue
        numbers = [_ceiling(fits), *(_number(fits, name) for name in ("a", "b"))]
        r2s = [f"{mean([getattr(fit, name) for fit in fits]):.3f}".replace("nan", "—") for name in ("r2", "linear_r2")]
        rows.append([group.name, numbers[0], *r2s, _reading(compared), *numbers[1:]])
    note = (
        "Brackets: 90\u202f% intervals of a single run; of several seeds, the lowest and the highest. No ceiling where "
        "a is not above 0."
    )
    header = ["run", "ceiling b − a", "R² of the law", "R² of the line", "better described by", "a", "b"]
    return Table(header, rows, note)


def rival_table(groups: Sequence[Group]) -> Table:
    """R² of every form, and by how much its AICc is above the lowest."""
    header, rows = ["run"], []
    for group in groups:
        compared = group.each(rivals.of_run)
        if not compared or not np.isfinite([fit.r2 for found in compared for fit in found.fits]).all():
            continue
        names = [fit.name for fit in compared[0].fits]
        header = ["run", *(f"{name}: R², ΔAIC" for name in names)]
        above = np.mean([[fit.aic for fit in found.fits] for found in compared], axis=0)
        above -= above.min()
        r2s = np.mean([[fit.r2 for fit in found.fits] for found in compared], axis=0)
        rows.append([group.name, *(f"{r2:.3f}, {delta:+.1f}" for r2, delta in zip(r2s, above, strict=True))])
    note = (
        "Rivals fitted to the same points. ΔAIC: AICc above the lowest of the row, for as many points as are "
        "independent; a difference below 2 decides nothing. Law: Cui et al. 2025, arXiv 2505.22617."
    )
    return Table(header, rows, note)


def _ceiling(fits: Sequence[Law]) -> str:
    """Of those that have one."""
    capped = [fit for fit in fits if fit.a > 0]
    part = f", {len(capped)} of {len(fits)} seeds" if len(capped) < len(fits) else ""
    return _number(capped, "ceiling") + part if capped else "—"


def _number(fits: Sequence[Law], name: str) -> str:
    values = [getattr(fit, name) for fit in fits]
    low, high = getattr(fits[0], f"{name}_interval") if len(fits) == 1 else (min(values), max(values))
    return f"{mean(values):.3f} [{low:.3f}, {high:.3f}]"


def _reading(compared: Sequence[rivals.Comparison]) -> str:
    """The verdict of a single run, or what most seeds say in short."""
    if not compared:
        return "too few steps to compare"
    if len(compared) == 1:
        return compared[0].verdict
    short = {
        "exp(H) and": "cannot be told apart",
        "exp(H) describes": "the law",
        "A line": "the line",
        "Neither": "neither",
    }
    heads = Counter(
        next((word for start, word in short.items() if found.verdict.startswith(start)), found.verdict)
        + (" (its direction reversed: a ≤ 0)" if found.is_reversed else "")
        for found in compared
    )
    return "; ".join(f"{head}: {count} of {len(compared)} seeds" for head, count in heads.most_common())
