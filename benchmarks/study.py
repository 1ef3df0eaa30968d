"""A table over seeds of finished runs: what README.md and benchmarks/results/ hold.

Run:  python benchmarks/study.py runs/countdown_* --figures=benchmarks/results/countdown.json

Of what is named, all that is no finished run (warm starts, reports, logs) is passed over, and said.
"""

from __future__ import annotations

import collections
import json
import pathlib
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
from absl import app, flags
from etils import epath

from entropy_rl.lab import budget, law
from entropy_rl.lab.runs import Run, read_run

_FIGURES = flags.DEFINE_string("figures", None, "JSON file with every figure of every run.")
_COMMAND = flags.DEFINE_string("command", "", "The command that made the runs, kept with the figures.")

COLUMNS = {
    "pass@1": "{:.3f}",
    "pass@16": "{:.3f}",
    "entropy": "{:.3f}",
    "entropy left": "{:.0%}",
    "R² of the law": "{:.2f}",
}
NEEDED = ("pass@1", "pass@4", "pass@16", "maj@16", "entropy")  # of a run's test


def main(argv: Sequence[str]) -> None:
    if len(argv) < 2:
        raise app.UsageError("name at least one finished run")
    by_name = collections.defaultdict(list)
    for run in finished(argv[1:]):
        by_name[run.name].append(figures(run))
    sys.stdout.write(table(by_name) + "\n")
    if _FIGURES.value:
        record = {"command": _COMMAND.value, "runs": by_name}
        pathlib.Path(_FIGURES.value).write_text(json.dumps(record, indent=1) + "\n")


def finished(paths: Sequence[str]) -> list[Run]:
    """The finished runs among what is named; says what it passes over.

    Raises:
      app.UsageError: if something named does not exist, or nothing is a finished run.
    """
    runs: list[Run] = []
    for path in paths:
        try:
            run = read_run(path)
        except ValueError as error:
            if not epath.Path(path).exists():
                raise app.UsageError(str(error)) from error
            sys.stderr.write(f"passed over: {error}\n")
            continue
        lacking = [name for name in NEEDED if name not in run.summary.get("test", {})]
        if "test" not in run.summary:
            sys.stderr.write(f"passed over: {path} has no test figures: the run is not finished\n")
        elif lacking:
            sys.stderr.write(f"passed over: {path} was tested without {', '.join(lacking)}\n")
        else:
            runs.append(run)
    if not runs:
        raise app.UsageError("none of these is a finished run; name the --workdir of at least one")
    return runs


def figures(run: Run) -> dict[str, Any]:
    """Test figures of a finished run, its entropy law on smoothed training points, and where it came from."""
    summary = run.summary
    steps, entropies, rewards = run.table("entropy/token_mean", "reward/mean")
    fit = law.fit_law(law.smooth(entropies), law.smooth(rewards))
    shares = budget.budget(steps, entropies, rewards)
    test, base = summary["test"], summary["base"]
    return {
        "seed": summary["seed"],
        "steps": summary["steps"],
        "commit": summary["commit"],
        "hardware": summary["hardware"],
        "versions": summary["versions"],
        "seconds": round(summary["seconds"], 1),
        "base": {key: base[key] for key in ("pass@1", "pass@16", "entropy")},
        "pass@1": test["pass@1"],
        "pass@4": test["pass@4"],
        "pass@16": test["pass@16"],
        "maj@16": test["maj@16"],
        "entropy": test["entropy"],
        "entropy left": test["entropy"] / base["entropy"],
        "R² of the law": fit.r2,
        "R² of a line": fit.linear_r2,
        "law": {"a": fit.a, "b": fit.b, "ceiling": fit.ceiling},
        "budget": [{"fraction": s.fraction, "spent": s.spent, "gained": s.gained} for s in shares],
    }


def table(by_name: dict[str, list[dict[str, Any]]]) -> str:
    """Markdown: one row per config, mean ± standard error over its seeds."""
    rows = [["run", "seeds", *COLUMNS]]
    for name, measured in by_name.items():
        rows.append([name, str(len(measured)), *(_cell(measured, column, form) for column, form in COLUMNS.items())])
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def _cell(measured: list[dict[str, Any]], column: str, form: str) -> str:
    values = np.array([figures[column] for figures in measured])
    mean = form.format(values.mean())
    return mean if len(values) < 2 else f"{mean} ± {form.format(values.std(ddof=1) / len(values) ** 0.5)}"


if __name__ == "__main__":
    app.run(main)
