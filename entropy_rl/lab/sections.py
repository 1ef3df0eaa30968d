"""All sections of a report, in the order of the page."""

from __future__ import annotations

from collections.abc import Sequence

from entropy_rl.lab.figures import Section
from entropy_rl.lab.panels import (
    budget,
    controllers,
    covariance,
    diversity,
    forecast,
    health,
    law,
    ledger,
    progress,
    selection,
)
from entropy_rl.lab.seeds import Group


def sections(groups: Sequence[Group]) -> list[Section]:
    """Those that at least one of the runs has the metrics for."""
    found = [
        progress.section(groups),
        law.section(groups),
        forecast.section(groups),
        budget.section(groups),
        controllers.section(groups),
        ledger.section(groups),
        diversity.section(groups),
        *covariance.sections(groups),
        selection.section(groups),
        health.section(groups),
    ]
    return [section for section in found if section.figures]
