"""One line of a benchmark: its figures and where they came from."""

from __future__ import annotations

import json
import os
import pathlib
import re
import shlex
import statistics
import sys
from collections.abc import Sequence
from typing import Any

from entropy_rl.training import provenance

RESULTS = pathlib.Path(__file__).resolve().parent / "results"


def origin() -> dict[str, Any]:
    """Commit, whether it was changed, versions, hardware, load and the command without this machine's paths."""
    found = provenance.collect()
    return {
        "commit": found["commit"][:12],
        "dirty": bool(found["diff"] or found["untracked"]),
        "versions": found["versions"],
        "hardware": found["hardware"],
        "backend": found["backend"],
        "load": [round(value, 1) for value in os.getloadavg()],
        "command": command(sys.argv),
    }


def command(arguments: Sequence[str]) -> str:
    """As another person would type it: interpreters and folders of this machine are theirs to fill in."""
    flags = [re.sub(r"^(--\w+)=(.*/.*)$", r"\1=...", argument) for argument in arguments[1:]]
    return "python benchmarks/" + shlex.join([pathlib.Path(arguments[0]).name, *flags])


def median(values: Sequence[float]) -> float:
    """To a tenth of a millisecond."""
    return round(statistics.median(values), 4)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Columns of equal width, the first to the left."""
    lines = [list(head), *[list(row) for row in rows]]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        " | ".join(
            cell.ljust(w) if at == 0 else cell.rjust(w) for at, (cell, w) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def emit(text: str, figures: dict[str, Any], save: str = "") -> None:
    """Writes the table and one JSON line to standard output; with `save`, the record to results/`save`.json too."""
    record = {**figures, **origin()}
    sys.stdout.write(text + "\n" + json.dumps(record) + "\n")
    if save:
        (RESULTS / f"{save}.json").write_text(json.dumps(record, indent=1) + "\n")
