"""Logs of other trainers as runs: CSV and JSONL with the column names of verl, TRL or W&B, or mapped by hand.

A name is compared without its prefix "train/" and without case. W&B's export of a chart writes one column for each run,
"run - metric", with __MIN and __MAX beside it: such a file gives as many runs, and the files of several metrics that
are read together are put together by the names of their runs.
"""

from __future__ import annotations

import collections
import csv
import dataclasses
import io
import json
import math
import os
import pathlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from absl import logging
from etils import epath

from entropy_rl.lab.runs import Run
from entropy_rl.lab.text import visible

SUFFIXES = (".csv", ".jsonl", ".json")
# W&B's _step counts records, of which a trainer may log several at a step of its own.
STEPS = ("step", "global_step", "_step", "training/global_step", "trainer/global_step", "iteration")
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
    "reference/kl": ("actor/kl_loss", "kl"),  # not actor/ppo_kl: that is to the old policy
    "clip/high_positive": ("clip_ratio/high_mean",),
    "clip/low_negative": ("clip_ratio/low_mean",),  # not actor/pg_clipfrac_lower: dual clipping, of high ratios
    "time/step": ("timing_s/step", "perf/time_per_step", "step_time"),
}  # fmt: skip
ASKED = ("entropy/token_mean", "reward/mean")  # without which there is no law
# verl's validation: val-core/<dataset>/acc/mean@16, best@16/mean, maj@16/mean; the mean over datasets is taken.
# Older ones: val/test_score/<dataset>, of one response. Where values leave 0..1, it is a reward and no share: left out.
_VALIDATION = re.compile(r"val(?:-core)?/(?:.*/)?(?:acc|score|reward|test_score)/(mean|best|maj)@(\d+)(?:/mean)?")
_OLD_VALIDATION = re.compile(r"val/test_score/.+")
_SIDES = ("__min", "__max")


def is_foreign(path: str | os.PathLike[str]) -> bool:
    """Whether a path names a file that this module reads."""
    return os.fspath(path).lower().endswith(SUFFIXES) and epath.Path(path).is_file()


@dataclasses.dataclass(frozen=True)
class _File:
    """A log: its records, and their columns in the order in which they came."""

    path: str
    records: Sequence[Mapping[str, Any]]
    columns: Sequence[str]

    @property
    def is_chart(self) -> bool:
        return any(_owner(column) for column in self.columns)


@dataclasses.dataclass(frozen=True)
class _Part:
    """What a file holds of a run.

    Attributes:
      run: as W&B's export of a chart names it; "" in a file of a single run.
      columns: plain name -> the file's column.
      own: all columns but those of other runs.
    """

    file: _File
    run: str
    columns: Mapping[str, str]
    own: Sequence[str]


def holds_records(path: str | os.PathLike[str]) -> bool:
    """Whether there is anything yet: a log that was just begun may hold its header only."""
    return bool(_records(epath.Path(path)))


def read_foreign(path: str | os.PathLike[str], mapping: Mapping[str, str] | None = None) -> list[Run]:
    """The runs of a file; arguments and errors as of `read_together`."""
    return read_together([path], mapping)[0]


def read_together(paths: Sequence[str | os.PathLike[str]], mapping: Mapping[str, str] | None = None) -> list[list[Run]]:
    """The runs of some files.

    Parts of a run in several exports of W&B charts are put together where the name of the run agrees and no metric is
    in two of them: else nobody knows which belong together, and each part is a run of its own.

    Args:
      paths: .csv, .jsonl, or a .json with TRL's "log_history" or a list of records.
      mapping: our name -> the file's column, for columns that are not known: {"entropy/token_mean": "my entropy"};
        "step" for the steps, where "" numbers the records. Of a chart, the column with its run, or the metric alone for
        every run.

    Returns:
      For each path the runs that begin in it.

    Raises:
      ValueError: if a file holds no records, or no entropy and no reward; it names the columns that were found. If a
        step is no whole number, or a number is beyond all floats.
    """
    mapping = dict(mapping or {})
    files = [_read(path) for path in paths]
    _check(files, mapping)
    found: dict[int, list[Run]] = {id(file): [] for file in files}
    useful = set()
    for parts in _joined([part for file in files for part in _by_run(file)]):
        try:
            run = _run(parts, mapping)
        except OverflowError as error:
            raise ValueError(f"{' '.join(part.file.path for part in parts)}: {error}") from error
        if run is not None:
            found[id(parts[0].file)].append(run)
            useful |= {id(part.file) for part in parts}
    for file in files:
        if id(file) not in useful:
            raise ValueError(_complaint(file.path, file.columns))
    return list(found.values())


def _read(path: str | os.PathLike[str]) -> _File:
    records = _records(epath.Path(path))
    columns = list(dict.fromkeys(name for record in records for name in record))
    if not columns:
        raise ValueError(f"{os.fspath(path)} holds no records; it has to be CSV with a header, or JSON lines")
    return _File(os.fspath(path), records, columns)


def _check(files: Sequence[_File], mapping: Mapping[str, str]) -> None:
    """Raises ValueError for a mapped column that is not there. Of charts, each holds some of the columns."""
    charts = [part for file in files if file.is_chart for part in _by_run(file)]
    for file in files:
        parts = charts if file.is_chart else _by_run(file)
        named = [column for ours, column in mapping.items() if column or ours != "step"]
        absent = [column for column in named if not any(_column(column, part) for part in parts)]
        if absent:
            raise ValueError(f"{file.path} has no column {absent[0]!r}; {_listed(file.columns)}")


def _column(name: str, part: _Part) -> str:
    """The file's column of a name that was given by hand; "" if the part has none."""
    if name in part.own:
        return name
    return part.columns.get(_plain(name), "") if part.run else ""


def _joined(parts: Sequence[_Part]) -> list[list[_Part]]:
    """The parts of each run, in the order of the first of them."""
    by_run: dict[str, list[_Part]] = collections.defaultdict(list)
    for part in parts:
        by_run[part.run].append(part)
    joined = []
    for part in parts:
        same = by_run[part.run] if part.run else [part]
        owned = collections.Counter(
            c for other in same for c in other.own if _owner(c) and _plain(_metric(c)) not in STEPS
        )
        twice = [column for column, times in owned.items() if times > 1]
        if not twice and part is same[0]:
            joined.append(same)
        elif twice:
            joined.append([part])
            if part is same[0]:
                logging.warning("%d files have a column %r: none of that run are put together", len(same), twice[0])
    return joined


def _run(parts: Sequence[_Part], mapping: Mapping[str, str]) -> Run | None:
    """None where there is neither entropy nor reward."""
    columns = {plain: column for part in parts for plain, column in part.columns.items()}
    by_hand = {ours: column for ours, name in mapping.items() for part in parts if (column := _column(name, part))}
    sources = _sources(columns, by_hand, [record for part in parts for record in part.file.records])
    if not any(ours in sources for ours in ASKED):
        return None
    records: dict[int, dict[str, Any]] = {}
    for part in parts:
        step = _steps(part, mapping)
        for place, record in enumerate(part.file.records):
            at = _number(record, step) if step else float(place)
            values = _translated(record, sources) if math.isfinite(at) else {}
            if values and not at.is_integer():
                raise ValueError(_broken_step(part.file, step, at))
            if values:
                records.setdefault(int(at), {"step": int(at)}).update(values)
    stem = pathlib.Path(parts[0].file.path).stem if len(parts) == 1 else ""
    title = visible(" ".join(filter(None, (stem, parts[0].run))), 120)
    path = " ".join(part.file.path for part in parts)
    ordered = [records[step] for step in sorted(records)]
    return Run(path, title, {"name": title}, ordered, [], {}, title=title, foreign=True)


def _steps(part: _Part, mapping: Mapping[str, str]) -> str:
    """The column of the steps; "" where the records are numbered."""
    if mapping.get("step") == "":
        return ""
    return (_column(mapping["step"], part) if "step" in mapping else "") or _named(STEPS, part.columns)


def _sources(
    columns: Mapping[str, str], by_hand: Mapping[str, str], records: Sequence[Mapping[str, Any]]
) -> dict[str, list[str]]:
    """Our name -> the columns whose mean it is.

    Args:
      columns: plain name -> the file's column.
      by_hand: our name -> the file's column.
      records: tell which columns hold shares.
    """
    sources = {}
    for ours, theirs in COLUMNS.items():
        if column := _named((ours, *theirs), columns):
            sources[ours] = [column]
    groups: dict[str, list[str]] = collections.defaultdict(list)
    for plain, column in columns.items():
        match = _VALIDATION.fullmatch(plain)
        if (match or _OLD_VALIDATION.fullmatch(plain)) and _is_share(column, records):
            kind, k = match.groups() if match else ("mean", "1")
            groups[{"mean": "pass@1", "best": f"pass@{k}", "maj": f"maj@{k}"}[kind]].append(column)
        elif re.fullmatch(r"(validation|eval)/(pass|maj|avg)@\d+", plain):
            groups[plain.split("/")[1]].append(column)
    sources |= {f"validation/{name}": chosen for name, chosen in groups.items()}
    return sources | {ours: [column] for ours, column in by_hand.items() if ours != "step"}


def _is_share(column: str, records: Sequence[Mapping[str, Any]]) -> bool:
    """Whether all values of a column lie in 0..1."""
    values = [value for record in records if math.isfinite(value := _number(record, column))]
    return all(0.0 <= value <= 1.0 for value in values)


def _translated(record: Mapping[str, Any], sources: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    values = {}
    for ours, columns in sources.items():
        known = [value for column in columns if math.isfinite(value := _number(record, column))]
        if known:
            values[ours] = sum(known) / len(known)
    return values


def _by_run(file: _File) -> list[_Part]:
    """One run, "", but for a W&B export of charts. Steps belong to every run."""
    parts = []
    for run in dict.fromkeys(filter(None, map(_owner, file.columns))) if file.is_chart else ("",):
        own = [column for column in file.columns if _owner(column) in ("", run)]
        columns = {_plain(_metric(column)): column for column in own if not column.lower().endswith(_SIDES)}
        parts.append(_Part(file, run, columns, own))
    return parts


def _owner(column: str) -> str:
    """The run that a column of a chart belongs to; "" for the steps, and in other files."""
    return column.rsplit(" - ", 1)[0] if " - " in column else ""


def _metric(column: str) -> str:
    return column.rsplit(" - ", 1)[-1]


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
        document = [_line(line) for line in text.splitlines()]
    if isinstance(document, dict):
        document = document.get("log_history", [document])
    return [_lifted(record) for record in document if isinstance(record, dict)] if isinstance(document, list) else []


def _lifted(record: dict[str, Any]) -> dict[str, Any]:
    """verl's own log of lines holds the figures one level down: {"step": 3, "data": {"actor/entropy": 0.5}}."""
    inner = record.get("data")
    return {**inner, **{key: record[key] for key in record if key != "data"}} if isinstance(inner, dict) else record


def _line(line: str) -> Any:
    """None for a line that was cut."""
    try:
        return json.loads(line)
    except ValueError:
        return None


def _number(record: Mapping[str, Any], column: str) -> float:
    """Text too: a CSV holds nothing else."""
    value = record.get(column)
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return float("nan")
    try:
        return float(value)
    except ValueError:
        return float("nan")
    except OverflowError as error:
        digits = len(str(value).lstrip("-"))
        raise OverflowError(
            f"column {column!r} holds an integer of {digits} digits, and no number may be above 1.8e308; correct it "
            "or take its record out"
        ) from error


def _broken_step(file: _File, column: str, value: float) -> str:
    return (
        f"{file.path}: column {column!r} holds the step {value:g}, and steps are whole numbers. Name a column that "
        f"holds them with --column step=COLUMN, or number the records with --column step=; {_listed(file.columns)}"
    )


def _complaint(path: str, columns: Sequence[str]) -> str:
    known = "; ".join(f"{ours} from {', '.join(COLUMNS[ours])}" for ours in ASKED)
    return (
        f"{path} has neither entropy nor reward under a name that is known ({known}); {_listed(columns)}. Say which "
        "they are: --column entropy/token_mean=COLUMN --column reward/mean=COLUMN [--column step=COLUMN]"
    )


def _listed(columns: Sequence[str]) -> str:
    shown = ", ".join(map(repr, columns[:30]))
    return f"its columns are {shown}" + (f" and {len(columns) - 30} more" if len(columns) > 30 else "")
