"""The report: one HTML file that needs nothing else, safe to open whatever a model wrote."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import os
import pathlib
from collections.abc import Sequence
from typing import Any

import jinja2
from etils import epath
from markupsafe import Markup

from entropy_rl.lab import figures, samples, story
from entropy_rl.lab.charts import COLOURS
from entropy_rl.lab.runs import Run, read_runs
from entropy_rl.lab.text import visible

Path = str | os.PathLike[str]
_HERE = pathlib.Path(__file__).parent


def write_report(runs: Sequence[Path | Run], output: Path, command: str = "") -> str:
    """Writes the report of some runs; the first one is taken as the baseline in the order of colours only.

    Args:
      runs: run folders, local or in a bucket, or runs already read.
      output: the HTML file; local or in a bucket. Its folder is made.
      command: the command line that makes the report, shown at its end.

    Returns:
      The path written.

    Raises:
      ValueError: if a folder is no run.
    """
    page = render(_read(runs), command or f"python -m entropy_rl.report {' '.join(map(_name, runs))} --output={output}")
    target = epath.Path(output)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(page)
    return os.fspath(output)


def short_table(runs: Sequence[Path | Run]) -> str:
    """The final figures of some runs, with their intervals and the base beside them, as text for a terminal.

    Raises:
      ValueError: if a folder is no run.
    """
    outcomes = [story.outcome(run) for run in _read(runs)]
    keys = story.columns(outcomes)
    rows = [["run", "figures of", *keys]]
    for result in outcomes:
        rows.append([result.run.name, result.source or "none yet", *(_cell(result, key) for key in keys)])
        rows.append(["", "base", *(story.figure_text(key, result.base_value(key)) for key in keys)])
    rows = [[visible(cell, 60) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)


def render(runs: Sequence[Run], command: str) -> str:
    """The page as text. Everything from a run folder passes the template's escaping, or `_script_json`."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    sections = figures.sections(runs)
    charts = [figure.chart.data for section in sections for figure in section.figures]
    script, style = ((_HERE / f"report.{kind}").read_text() for kind in ("js", "css"))
    outcomes = [story.outcome(run) for run in runs]
    page = environment.get_template("report_template.html").render(
        title=", ".join(run.name for run in runs),
        runs=runs,
        colours=[COLOURS[index % len(COLOURS)] for index in range(len(runs))],
        headline=story.headline(runs),
        verdicts=[story.verdict(run) for run in runs],
        outcomes=outcomes,
        columns=story.columns(outcomes),
        sections=sections,
        tables={"laws": story.law_rows(runs), "budgets": story.budget_rows(runs)},
        moments=samples.moments(runs),
        legend=_legend(),
        provenance=[_provenance(run) for run in runs],
        configs=[json.dumps(run.config, indent=2, ensure_ascii=False, default=str) for run in runs],
        alarms=[(run, _alarms(run)) for run in runs if _alarms(run)],
        command=command,
        chart_json=_script_json(charts),
        script=Markup(script),
        style=Markup(style),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        story=story,
        finite=math.isfinite,
        visible=visible,
    )
    # Names and configs may hold unpaired surrogates too, which no file in UTF-8 can.
    return page.encode("utf-8", "replace").decode("utf-8").replace("\0", "␀")


def _read(runs: Sequence[Path | Run]) -> list[Run]:
    paths = [run for run in runs if not isinstance(run, Run)]
    return (
        read_runs(paths) if len(paths) == len(runs) else [r if isinstance(r, Run) else read_runs([r])[0] for r in runs]
    )


def _name(run: Path | Run) -> str:
    return run.path if isinstance(run, Run) else os.fspath(run)


def _cell(result: story.Outcome, key: str) -> str:
    interval = story.interval_text(key, result.interval(key))
    return story.figure_text(key, result.value(key)) + (f" [{interval}]" if interval else "")


def _script_json(data: Any) -> Markup:
    """JSON that cannot close the element it stands in: no <, > or & remains, whatever the names of the runs are."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=True)
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))


def _legend() -> list[tuple[str, str]]:
    bounds = [f"{bound:g}" for bound in samples.BOUNDS]
    names = [f"< {bounds[0]}", *(f"{a}–{b}" for a, b in zip(bounds, bounds[1:], strict=False)), f"≥ {bounds[-1]}"]
    return list(zip(samples.SHADES, names, strict=True))


def _alarms(run: Run) -> list[dict[str, Any]]:
    alarms = run.summary.get("alarms")
    return [alarm for alarm in alarms if isinstance(alarm, dict)] if isinstance(alarms, list) else []


def _provenance(run: Run) -> list[tuple[str, str]]:
    summary = run.summary
    versions = summary.get("versions")
    listed = ", ".join(f"{k} {v}" for k, v in versions.items()) if isinstance(versions, dict) else ""
    last = f"{len(run.records)} (last: {run.records[-1]['step']})" if run.records else "none"
    rows = [
        ("command", summary.get("command", "")),
        ("commit", f"{summary.get('commit', '')}{', with uncommitted changes' if summary.get('diff') else ''}"),
        ("hardware", summary.get("hardware", "")),
        ("devices", summary.get("devices", "")),
        ("seed", summary.get("seed", run.config.get("seed", ""))),
        ("versions", listed),
        ("wall time", _duration(summary.get("seconds"))),
        ("goodput", _share(summary.get("goodput"))),
        ("steps recorded", last),
        ("folder", run.path),
    ]
    return [(key, str(value) if value not in ("", None) else "not recorded") for key, value in rows]


def _share(value: Any) -> str:
    if not isinstance(value, int | float) or not math.isfinite(value):
        return ""
    return f"{value:.1%} of the time since the first start went into steps that count"


def _duration(seconds: Any) -> str:
    if not isinstance(seconds, int | float) or not math.isfinite(seconds):
        return ""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"
