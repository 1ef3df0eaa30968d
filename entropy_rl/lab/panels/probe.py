"""What became of the base's own answers: of its forks, and of the right tokens that it thought unlikely."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from entropy_rl.lab.figures import SHARE, STEP, Figure, Section, Table, band_note, banded, figure, over_steps, present
from entropy_rl.lab.outcomes import percent
from entropy_rl.lab.scales import Axis
from entropy_rl.lab.seeds import Group, mean

BANDS = (("rare", "1 to 10\u202f%"), ("uncommon", "10 to 30\u202f%"))
LEAST = 20  # tokens, over all seeds: fewer tell no share
TEXT = (
    "A fixed set of the first policy's answers, scored again at each validation. Tokens of right answers that it "
    "thought unlikely survive while they have at least 1 %. Forks: the fifth of the states where its entropy was "
    "highest; they are still forks while they belong to that fifth."
)


def section(groups: Sequence[Group]) -> Section:
    figures = [
        *(_survival(groups, band, odds) for band, odds in BANDS),
        over_steps(groups, "Forks that are still forks", "probe/fork_overlap", SHARE, smooth=False),
        over_steps(
            groups, "Entropy at the base's forks", "probe/fork_entropy", Axis("nats per token", low=0.0), smooth=False
        ),
    ]
    table = _table(groups)
    return Section("What is left of the base", TEXT, present(figures), [table] if table.rows else [])


def _survival(groups: Sequence[Group], band: str, odds: str) -> Figure | None:
    """Of settings whose base has enough such tokens."""
    lines = [
        banded(index, group.band(f"probe/{band}_survival"), label=group.short, hover=group.short)
        for index, group in enumerate(groups)
        if sum(_tokens(group, band)) >= LEAST
    ]
    return figure(f"Right tokens of {odds} that survive", band_note(lines).strip(), STEP, SHARE, lines)


def _tokens(group: Group, band: str) -> list[float]:
    """Of each seed that has a probe; their number never changes."""
    counts = [run.series(f"probe/{band}_tokens")[1] for run in group.runs]
    return [float(values[-1]) for values in counts if len(values)]


def _table(groups: Sequence[Group]) -> Table:
    """At the last validation; of several seeds the means."""
    rows = []
    for group in groups:
        if "probe/fork_overlap" in group.keys:
            cells = []
            for band, _ in BANDS:
                counts = _tokens(group, band)
                cells += [
                    f"{np.sum(counts):.0f}" if counts else "—",
                    percent(_last(group, f"probe/{band}_survival"), 0),
                ]
            rows.append([group.name, *cells, percent(_last(group, "probe/fork_overlap"), 0)])
    header = [
        "run",
        *(text for _, odds in BANDS for text in (f"right tokens of {odds}", "survive")),
        "forks still forks",
    ]
    return Table(header, rows, f"At the last validation. Fewer than {LEAST} tokens are not drawn above.")


def _last(group: Group, key: str) -> float:
    ends = [run.series(key)[1] for run in group.runs]
    return mean([float(values[-1]) for values in ends if len(values)])
