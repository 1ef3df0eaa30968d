"""The report: one HTML file that needs nothing else, safe to open whatever a model wrote."""

from __future__ import annotations

import base64
import dataclasses
import datetime
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

from entropy_rl.lab import outcomes, provenance, samples, seeds, story
from entropy_rl.lab.charts import COLOURS
from entropy_rl.lab.runs import Run, read_runs
from entropy_rl.lab.sections import every_section
from entropy_rl.lab.text import visible

Path = str | os.PathLike[str]
_HERE = pathlib.Path(__file__).parent


@dataclasses.dataclass(frozen=True)
class Live:
    """How a page says that it is rewritten while runs go on.

    Attributes:
      seconds: between two looks of the page at its file.
      written: when this state of it was.
    """

    seconds: float
    written: datetime.datetime


def write_report(runs: Sequence[Path | Run], output: Path, command: str = "", live: Live | None = None) -> str:
    """Writes the report of some runs; those that differ in their seed only are drawn as one.

    Args:
      runs: run folders, local or in a bucket, or runs already read.
      output: the HTML file; local or in a bucket. Its folder is made.
      command: the command line that makes the report, shown at its end.
      live: for a page that is to look for its next state; None for a page that stays as it is.

    Returns:
      The path written.

    Raises:
      ValueError: if a folder is no run.
    """
    command = command or f"python -m entropy_rl.report {' '.join(map(_name, runs))} --output={output}"
    page = render(as_runs(runs), command, live)
    target = epath.Path(output)
    target.parent.mkdir(parents=True, exist_ok=True)
    # Beside it and then moved: who reloads the page in the meantime never gets half of it.
    draft = target.parent / f".{target.name}.part"
    draft.write_text(page)
    draft.replace(target)
    return os.fspath(output)


def render(runs: Sequence[Run], command: str, live: Live | None = None, only: Sequence[str] = ()) -> str:
    """The page as text. Everything from a run folder passes the template's escaping, or `_script_json`.

    Args:
      only: titles of the sections to show, without any of what stands around them; all, with everything, if empty.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    groups = seeds.grouped(runs)
    chosen = [section for section in every_section(groups) if not only or section.title in only]
    shown = [section for section in chosen if section.figures or section.notices]
    script, style = (_source(kind) for kind in ("js", "css"))
    results = [outcomes.of_group(group) for group in groups]
    troubles = [(run, provenance.failure(run), provenance.alarms(run)) for run in runs]
    page = environment.get_template("report_template.html").render(
        title=", ".join(group.name for group in groups),
        runs=runs,
        groups=groups,
        colours=[COLOURS[index % len(COLOURS)] for index in range(len(groups))],
        headline=story.headline(groups),
        tiles=[story.tile(group) for group in groups],
        outcomes=results,
        columns=outcomes.columns(results),
        sections=shown,
        absent=[section.title for section in chosen if only and not (section.figures or section.notices)],
        moments=[] if only else samples.moments([group.runs[0] for group in groups]),
        legend=_legend(),
        provenance=[provenance.rows(run) for run in runs],
        configs=[json.dumps(run.config, indent=2, ensure_ascii=False, default=str) for run in runs],
        alarms=[(run, failure, raised) for run, failure, raised in troubles if failure or raised],
        command=command,
        live=live,
        only=bool(only),
        chart_json=_script_json([c.data for section in shown for figure in section.figures for c in figure.charts]),
        script=Markup(script),
        style=Markup(style),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        figure_text=outcomes.figure_text,
        interval_text=outcomes.interval_text,
        finite=math.isfinite,
        visible=visible,
    )
    # Names and configs may hold unpaired surrogates too, which no file in UTF-8 can.
    return page.encode("utf-8", "replace").decode("utf-8").replace("\0", "␀")


def as_runs(runs: Sequence[Path | Run]) -> list[Run]:
    """Reads those that are paths."""
    paths = [run for run in runs if not isinstance(run, Run)]
    return (
        read_runs(paths) if len(paths) == len(runs) else [r if isinstance(r, Run) else read_runs([r])[0] for r in runs]
    )


def _name(run: Path | Run) -> str:
    return run.path if isinstance(run, Run) else os.fspath(run)


def _source(kind: str) -> str:
    """The script or the style of the page."""
    return (_HERE / f"report.{kind}").read_text()


def _script_json(data: Any) -> Markup:
    """JSON that cannot close the element it stands in: no <, > or & remains, whatever the names of the runs are."""
    text = json.dumps(data, separators=(",", ":"), ensure_ascii=True)
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))


def _legend() -> list[tuple[str, str]]:
    bounds = [f"{bound:g}" for bound in samples.BOUNDS]
    names = [f"< {bounds[0]}", *(f"{a}–{b}" for a, b in zip(bounds, bounds[1:], strict=False)), f"≥ {bounds[-1]}"]
    return list(zip(samples.SHADES, names, strict=True))
