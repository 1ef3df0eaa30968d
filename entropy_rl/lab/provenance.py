"""How a run was made, as rows of text for its report."""

from __future__ import annotations

import math
from typing import Any

from entropy_rl.lab.runs import Run, seed_of


def alarms(run: Run) -> list[dict[str, Any]]:
    """The alarms that its summary holds."""
    raised = run.summary.get("alarms")
    return [alarm for alarm in raised if isinstance(alarm, dict)] if isinstance(raised, list) else []


def failure(run: Run) -> str:
    """Why it came to a bad end; "" where it did not."""
    return str(run.summary.get("failed") or "")


def rows(run: Run) -> list[tuple[str, str]]:
    """What is known of its origin; "not recorded" for the rest."""
    summary = run.summary
    versions = summary.get("versions")
    listed = ", ".join(f"{k} {v}" for k, v in versions.items()) if isinstance(versions, dict) else ""
    last = f"{len(run.records)} (last: {run.records[-1]['step']})" if run.records else "none"
    found = [
        ("command", summary.get("command", "")),
        ("commit", f"{summary.get('commit', '')}{', with uncommitted changes' if summary.get('diff') else ''}"),
        ("hardware", summary.get("hardware", "")),
        ("devices", summary.get("devices", "")),
        ("seed", seed_of(run)),
        ("versions", listed),
        ("wall time", duration(summary.get("seconds"))),
        ("goodput", _share(summary.get("goodput"))),
        ("steps recorded", last),
        ("folder", run.path),
    ]
    return [(key, str(value) if value not in ("", None) else "not recorded") for key, value in found]


def duration(seconds: Any) -> str:
    """2 h 5 min, 3 min 20 s, 4.2 s; nothing for what is no number."""
    if not isinstance(seconds, int | float) or not math.isfinite(seconds):
        return ""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def _share(value: Any) -> str:
    if not isinstance(value, int | float) or not math.isfinite(value):
        return ""
    return f"{value:.1%} of the time since the first start went into steps that count"
