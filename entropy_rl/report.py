"""Writes the report of one or several runs: one HTML file.

Run:  python -m entropy_rl.report runs/grpo runs/kl_cov --output=report.html
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence

from absl import app, flags, logging

from entropy_rl.lab.report import short_table, write_report
from entropy_rl.lab.runs import read_runs

_OUTPUT = flags.DEFINE_string("output", "report.html", "The HTML file to write; local or in a bucket.")


def main(argv: Sequence[str]) -> None:
    if len(argv) < 2:
        raise app.UsageError(
            "name the --workdir of at least one training run: python -m entropy_rl.report RUN [RUN ...]"
        )
    try:
        runs = read_runs(argv[1:])
    except ValueError as error:  # a wrong path is the caller's mistake and needs no traceback
        raise app.UsageError(str(error)) from error
    command = shlex.join(["python", "-m", "entropy_rl.report", *sys.argv[1:]])
    path = write_report(runs, _OUTPUT.value, command)
    logging.info("final figures\n%s", short_table(runs))
    logging.info("report written to %s", path)


if __name__ == "__main__":
    app.run(main)
