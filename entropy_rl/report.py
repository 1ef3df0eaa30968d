"""Writes the report of one or several runs: one HTML file; seeds of one config are drawn as one.

Run:  python -m entropy_rl.report runs/grpo runs/kl_cov --output=report.html
      python -m entropy_rl.report verl.csv trainer_state.json      # logs of other trainers, see lab/foreign.py
      python -m entropy_rl.report verl.csv --reward_range=-1,1     # of which no reward is below -1 or above 1
      python -m entropy_rl.report verl.csv --steps=500             # which goes on to step 500; a forecast looks so far
      python -m entropy_rl.report --follow runs/grpo        # while it goes on; the open page renews itself
"""

from __future__ import annotations

import datetime
import math
import shlex
import sys
import time
from collections.abc import Mapping, Sequence

import rich.console
import rich.live
import rich.text
from absl import app, flags, logging

from entropy_rl.lab.follow import changes
from entropy_rl.lab.forecast import absences
from entropy_rl.lab.report import Live, write_report
from entropy_rl.lab.runs import Run, read_runs
from entropy_rl.lab.terminal import short_table, summary

_OUTPUT = flags.DEFINE_string("output", "report.html", "The HTML file to write; local or in a bucket.")
_FOLLOW = flags.DEFINE_bool("follow", False, "Rewrite the report while runs go on; ends when all of them have.")
_COLUMN = flags.DEFINE_multi_string(
    "column",
    [],
    "Of a log of another trainer: OURS=THEIRS, such as entropy/token_mean=my_entropy; may be repeated. "
    "step= numbers its records.",
)
_RANGE = flags.DEFINE_string(
    "reward_range", "", "Of logs of other trainers: LOWEST,HIGHEST reward, if it is not 0,1; a forecast asks for it."
)
_STEPS = flags.DEFINE_integer(
    "steps", None, "Of logs of other trainers: the steps that are planned; a forecast looks that far.", lower_bound=1
)
_EVERY = flags.DEFINE_float("every", 10.0, "With --follow: seconds between two looks at the runs.", lower_bound=0.1)
REST = 9.0  # seconds of rest for each of work, as the runs that are followed may want the same processor


def main(argv: Sequence[str]) -> None:
    if len(argv) < 2:
        raise app.UsageError(
            "name the --workdir of at least one training run: python -m entropy_rl.report RUN [RUN ...]"
        )
    columns, reward_range = _columns(_COLUMN.value), _range(_RANGE.value)
    command = shlex.join(["python", "-m", "entropy_rl.report", *sys.argv[1:]])
    if _FOLLOW.value:
        runs = _follow(argv[1:], command, columns, reward_range, _STEPS.value)
    else:
        try:
            runs = read_runs(argv[1:], columns, reward_range, _STEPS.value)
        except ValueError as error:  # a wrong path is the caller's mistake and needs no traceback
            raise app.UsageError(str(error)) from error
        write_report(runs, _OUTPUT.value, command)
    for why in absences(runs):
        logging.warning("no forecast: %s", why)
    logging.info("%s\n\n%s", summary(runs), short_table(runs))
    logging.info("report written to %s", _OUTPUT.value)


def _columns(pairs: Sequence[str]) -> dict[str, str]:
    wrong = [pair for pair in pairs if pair != "step=" and not all(pair.partition("=")[::2])]
    if wrong:
        raise app.UsageError(f"--column={wrong[0]} is no pair; write --column=entropy/token_mean=THEIR_COLUMN")
    return {ours: theirs for ours, _, theirs in (pair.partition("=") for pair in pairs)}


def _range(text: str) -> tuple[float, float] | None:
    if not text:
        return None
    try:
        low, high = map(float, text.split(","))
    except ValueError:
        low = high = math.nan
    if not -math.inf < low < high < math.inf:
        raise app.UsageError(
            f"--reward_range={text} is no range; write the lowest and the highest reward that there can be, such as "
            "--reward_range=-1,1"
        )
    return low, high


def _follow(
    paths: Sequence[str],
    command: str,
    columns: Mapping[str, str],
    reward_range: tuple[float, float] | None,
    steps: int | None,
) -> list[Run]:
    """Writes the report at each change; the last one no longer asks the page to look again."""
    runs: list[Run] = []
    cost = 0.0  # seconds of the last page

    def pause(seconds: float) -> None:
        time.sleep(max(seconds, REST * cost))

    with rich.live.Live(console=rich.console.Console(stderr=True), auto_refresh=False, transient=True) as screen:
        try:
            for runs, ended in changes(paths, _EVERY.value, pause, columns, reward_range, steps):
                began = time.monotonic()
                live = None if ended else Live(_EVERY.value, datetime.datetime.now())
                write_report(runs, _OUTPUT.value, command, live)
                screen.update(rich.text.Text(summary(runs)), refresh=True)
                cost = time.monotonic() - began
        except KeyboardInterrupt:
            if not runs:
                raise
            write_report(runs, _OUTPUT.value, command)  # nobody renews it any more
    return runs


if __name__ == "__main__":
    app.run(main)
