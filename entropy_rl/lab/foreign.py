"""Logs of other trainers as runs: CSV and JSONL with the column names of verl, TRL or W&B, or mapped by hand.

A name is compared without its prefix "train/" and without case. W&B's export of a chart writes one column for each run,
"run - metric", with __MIN and __MAX beside it: such a file gives as many runs.
"""

from __future__ import annotations

import collections
import csv
import io
import json
import math
import os
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from etils import epath

from entropy_rl.lab.runs import Run
from entropy_rl.lab.text import visible

SUFFIXES = (".csv", ".jsonl", ".json")
STEPS = ("step", "_step", "global_step", "training/global_step", "trainer/global_step", "iteration")
# Ours -> theirs, the better name first: verl, TRL (also older versions), OpenRLHF.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "entropy/token_mean": ("actor/entropy", "actor/entropy_loss", "entropy", "policy/entropy", "policy_entropy"),
    "reward/mean": ("critic/score/mean", "critic/rewards/mean", "reward", "rewards/mean", "reward/mean"),
    "reward/std": ("reward_std", "rewards/std"),
    "reward/zero_variance_groups": ("frac_reward_zero_std",),
    "response/length_mean": (
        "response_length/mean", "completions/mean_length", "completion_length", "response_length",
    ),
    "response/truncated": ("response_length/clip_ratio", "completions/clipped_ratio"),
    "update/gradient_norm": ("actor/grad_norm", "grad_norm"),
    "update/learning_rate": ("actor/lr", "learning_rate", "lr"),
    "loss/total": ("actor/pg_loss", "loss", "policy_loss"),
    "reference/kl": ("actor/kl_loss", "actor/ppo_kl", "kl"),
    "clip/high_positive": ("clip_ratio/high_mean",),
    "clip/low_negative": ("actor/pg_clipfrac_lower", "clip_ratio/low_mean"),
    "time/step": ("timing_s/step", "perf/time_per_step", "step_time"),
}  # fmt: skip
ASKED = ("entropy/token_mean", "reward/mean")  # without which there is no law
# verl's validation: val-core/<dataset>/acc/mean@16, best@16/mean, maj@16/mean; the mean over datasets is taken.
_VALIDATION = re.compile(r"val(?:-core)?/(?:.*/)?(?:acc|score|reward|test_score)/(mean|best|maj)@(\d+)(?:/mean)?")
_SIDES = ("__min", "__max")


def is_foreign(path: str | os.PathLike[str]) -> bool:
    """Whether a path names a file that this module reads."""
    return os.fspath(path).lower().endswith(SUFFIXES) and epath.Path(path).is_file()


def read_foreign(path: str | os.PathLike[str], mapping: Mapping[str, str] | None = None) -> list[Run]:
    """The runs of a file.

    Args:
      path: .csv, .jsonl, or a .json with TRL's "log_history" or a list of records.
      mapping: our name -> the file's column, for columns that are not known: {"entropy/token_mean": "my entropy"};
        "step" for the steps.

    Raises:
      ValueError: if the file holds no records, or no entropy and no reward; it names the columns that were found.
    """
    mapping = dict(mapping or {})
    records = _records(epath.Path(path))
    columns = list(dict.fromkeys(name for record in records for name in record))
    if not columns:
        raise ValueError(f"{os.fspath(path)} holds no records; it has to be CSV with a header, or JSON lines")
    absent = [column for column in mapping.values() if column not in columns]
    if absent:
        raise ValueError(f"{os.fspath(path)} has no column {absent[0]!r}; {_listed(columns)}")
    name, found = pathlib.Path(os.fspath(path)).stem, []
    for run, of_run in _by_run(columns).items():
        sources = _sources(of_run, mapping)
        step = mapping.get("step") or _named(STEPS, of_run)
        values = [_translated(record, sources, step, place) for place, record in enumerate(records)]
        if any(ours in sources for ours in ASKED):
            found.append(_run(path, " ".join(filter(None, (name, run))), values))
    if not found:
        raise ValueError(_complaint(os.fspath(path), columns))
    return found


def _run(path: str | os.PathLike[str], name: str, values: Sequence[dict[str, Any]]) -> Run:
    records: dict[int, dict[str, Any]] = {}
    for record in values:
        if len(record) > 1:
            records.setdefault(record["step"], {}).update(record)
    ordered = [records[step] for step in sorted(records)]
    title = visible(name, 120)
    return Run(os.fspath(path), title, {"name": title}, ordered, [], {}, title=title)


def _sources(columns: Mapping[str, str], mapping: Mapping[str, str]) -> dict[str, list[str]]:
    """Our name -> the columns whose mean it is.

    Args:
      columns: plain name -> the file's column.
    """
    sources = {}
    for ours, theirs in COLUMNS.items():
        if column := _named((ours, *theirs), columns):
            sources[ours] = [column]
    groups: dict[str, list[str]] = collections.defaultdict(list)
    for plain, column in columns.items():
        if match := _VALIDATION.fullmatch(plain):
            kind, k = match.groups()
            groups[{"mean": "pass@1", "best": f"pass@{k}", "maj": f"maj@{k}"}[kind]].append(column)
        elif re.fullmatch(r"(validation|eval)/(pass|maj|avg)@\d+", plain):
            groups[plain.split("/")[1]].append(column)
    sources |= {f"validation/{name}": chosen for name, chosen in groups.items()}
    return sources | {ours: [column] for ours, column in mapping.items() if ours != "step"}


def _translated(
    record: Mapping[str, Any], sources: Mapping[str, Sequence[str]], step: str, place: int
) -> dict[str, Any]:
    at = _number(record.get(step)) if step else float(place)
    if not math.isfinite(at):
        return {}
    values = {}
    for ours, columns in sources.items():
        known = [value for column in columns if math.isfinite(value := _number(record.get(column)))]
        if known:
            values[ours] = sum(known) / len(known)
    return {"step": int(at), **values}


def _by_run(columns: Sequence[str]) -> dict[str, dict[str, str]]:
    """Run -> plain name -> column; one run, "", but for a W&B export of charts. Steps belong to every run."""
    kept = [column for column in columns if not column.lower().endswith(_SIDES)]
    split = {column: column.rsplit(" - ", 1) for column in kept if " - " in column}
    shared = {_plain(column): column for column in kept if column not in split}
    runs = dict.fromkeys(run for run, _ in split.values())
    of_run = lambda run: {_plain(metric): column for column, (owner, metric) in split.items() if owner == run}  # noqa: E731
    return {run: shared | of_run(run) for run in runs} if runs else {"": shared}


def _plain(column: str) -> str:
    return column.strip().lower().removeprefix("train/")


def _named(names: Sequence[str], columns: Mapping[str, str]) -> str:
    return next((columns[name] for name in names if name in columns), "")


def _records(file: Any) -> list[dict[str, Any]]:
    text = file.read_bytes().decode("utf-8-sig", "replace")
    if os.fspath(file).lower().endswith(".csv"):
        return [{key: value for key, value in row.items() if key} for row in csv.DictReader(io.StringIO(text))]
    try:
        document = json.loads(text)
    except ValueError:
        return [record for line in text.splitlines() if isinstance(record := _line(line), dict)]
    if isinstance(document, dict):
        document = document.get("log_history", [document])
    return [record for record in document if isinstance(record, dict)] if isinstance(document, list) else []


def _line(line: str) -> Any:
    """None for a line that was cut."""
    try:
        return json.loads(line)
    except ValueError:
        return None


def _number(value: Any) -> float:
    """Text too: a CSV holds nothing else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return float("nan")
    try:
        return float(value)
    except ValueError:
        return float("nan")


def _complaint(path: str, columns: Sequence[str]) -> str:
    known = "; ".join(f"{ours} from {', '.join(COLUMNS[ours])}" for ours in ASKED)
    return (
        f"{path} has neither entropy nor reward under a name that is known ({known}); {_listed(columns)}. Say which "
        "they are: --column entropy/token_mean=COLUMN --column reward/mean=COLUMN [--column step=COLUMN]"
    )


def _listed(columns: Sequence[str]) -> str:
    shown = ", ".join(map(repr, columns[:30]))
    return f"its columns are {shown}" + (f" and {len(columns) - 30} more" if len(columns) > 30 else "")
