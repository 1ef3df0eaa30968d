"""What a study found, as JSON and as a table: its bars beside the figures, its arms with intervals, its verdict."""

from __future__ import annotations

import collections
import math
from collections.abc import Sequence
from typing import Any

from entropy_rl.lab import verdicts
from entropy_rl.lab.runs import Run, number
from entropy_rl.lab.verdicts import Check, Estimate, Results
from entropy_rl.study import Study

UNKNOWN = "not recorded"


def record(study: Study, results: Results) -> dict[str, Any]:
    """Everything that the page of the lab says of a study, as plain values.

    While runs are missing the verdict is "not run": the figures so far are there, and are not judged. If all runs are
    there and a figure that is asked for is not, it is "not measured", unless a run came to a bad end: that misses.
    """
    planned = list(study.planned())
    finished = sum(len(runs) for runs in results.runs.values())
    checks = [bar.check(results) for bar in study.bars]
    failed = [f"{run.name}: {run.summary['failed']}" for runs in results.runs.values() for run in runs.values()
              if "failed" in run.summary]  # fmt: skip
    every = [run for arm in study.arms for run in results.of(arm.name)]
    return {
        "study": study.name,
        "claim": study.claim,
        "source": study.source,
        "rows": list(study.rows),
        "note": study.note,
        "verdict": verdicts.verdict(checks, bool(failed)) if finished == len(planned) else verdicts.NOT_RUN,
        "runs": {"planned": len(planned), "finished": finished, "seeds": len(study.seeds), "bases": _bases(study)}
        | ({"failed": failed} if failed else {}),
        "bars": [_bar(check) for check in checks],
        "arms": [_arm(study, results, arm.name, arm.setting.name) for arm in study.arms],
        "provenance": {
            "commits": sorted(collections.Counter(run.summary.get("commit") or UNKNOWN for run in every)),
            "hardware": sorted({str(run.summary.get("hardware", "")) for run in every}),
            "versions": _versions(every),
            "seconds": round(sum(_seconds(run) for run in every), 1),
        },
    }


def table(found: dict[str, Any]) -> str:
    """The same for a terminal."""
    runs = found["runs"]
    lines = [f"{found['study']}: {found['verdict']} ({runs['finished']} of {runs['planned']} runs)", found["claim"]]
    for bar in found["bars"]:
        met = {True: "met", False: "missed", None: "open"}[bar["met"]] if bar["decisive"] else "told"
        lines.append(f"  {met:<7} {bar['figure']}: {text(bar['found'])}, asked {bar['asked']}")
    for arm in found["arms"]:
        figures = "  ".join(f"{label} {text(value)}" for label, value in arm["figures"].items())
        lines.append(f"  {arm['arm']} ({len(arm['runs'])} runs): {figures or 'not run'}")
    return "\n".join(lines)


def text(found: dict[str, Any]) -> str:
    """An estimate: mean, interval, runs."""
    mean, low, high = (number(found[key]) for key in ("mean", "low", "high"))
    if math.isnan(mean):
        return "not measured"
    return _digits(mean) if math.isnan(low) else f"{_digits(mean)} [{_digits(low)}, {_digits(high)}]"


def asked(low: float, high: float, whole: bool) -> str:
    """A bar in words."""
    what = "the whole interval " if whole else ""
    if low == high:
        return f"{what}exactly {_digits(low)}"
    if math.isinf(low) or math.isinf(high):
        return f"{what}at least {_digits(low)}" if math.isinf(high) else f"{what}at most {_digits(high)}"
    return f"{what}between {_digits(low)} and {_digits(high)}"


def _bar(check: Check) -> dict[str, Any]:
    bar = check.bar
    words = asked(bar.low, bar.high, bar.whole) if bar.decisive else "nothing"
    return {
        "figure": bar.figure,
        "asked": words,
        "decisive": bar.decisive,
        "found": _estimate(check.found),
        "met": check.met,
        "clear": check.clear,
    }


def _arm(study: Study, results: Results, arm: str, setting: str) -> dict[str, Any]:
    runs = results.runs.get(arm, {})
    figures = {label: _estimate(results.mean(arm, figure)) for label, figure in study.figures} if runs else {}
    rows: Sequence[dict[str, Any]] = [
        {"base": base, "seed": seed, **{label: _plain(figure(runs[base, seed])) for label, figure in study.figures}}
        for base, seed in sorted(runs)
    ]
    return {"arm": arm, "setting": setting, "figures": figures, "runs": rows}


def _estimate(found: Estimate) -> dict[str, Any]:
    return {"mean": _plain(found.mean), "low": _plain(found.low), "high": _plain(found.high), "n": found.n}


def _plain(value: float) -> float | None:
    """Six digits are more than any of these figures is known to."""
    return float(f"{value:.6g}") if math.isfinite(value) else None


def _digits(value: float) -> str:
    if value and (abs(value) < 1e-3 or abs(value) >= 1e5):
        return f"{value:.2g}"
    return f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def _versions(every: Sequence[Run]) -> dict[str, str]:
    """Of each package, all that runs were made with."""
    found: dict[str, set[str]] = collections.defaultdict(set)
    for run in every:
        for name, version in (run.summary.get("versions") or {}).items():
            found[name].add(str(version))
    return {name: " and ".join(sorted(versions)) for name, versions in sorted(found.items())}


def _seconds(run: Run) -> float:
    seconds = number(run.summary.get("seconds"))
    return 0.0 if math.isnan(seconds) else seconds


def _bases(study: Study) -> int:
    return max(len(study.bases), 1)
