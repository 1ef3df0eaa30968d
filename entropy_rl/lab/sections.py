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
    probe,
    progress,
    selection,
    test_time,
)
from entropy_rl.lab.seeds import Group


def every_section(groups: Sequence[Group]) -> list[Section]:
    """Without figures where no run has the metrics for it."""
    return [
        progress.section(groups),
        law.section(groups),
        forecast.section(groups),
        budget.section(groups),
        controllers.section(groups),
        ledger.section(groups),
        diversity.section(groups),
        probe.section(groups),
        test_time.section(groups),
        *covariance.sections(groups),
        selection.section(groups),
        health.section(groups),
    ]


def sections(groups: Sequence[Group]) -> list[Section]:
    """Those that at least one of the runs has the metrics for."""
    return [section for section in every_section(groups) if section.figures]
