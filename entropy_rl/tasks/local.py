"""A user's own problems: rows in memory, or files of them.

Problems(rows, prompt="question", answer="answer")
LocalProblems("my_train.jsonl", prompt="question", answer="answer", test="my_test.jsonl")
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from absl import logging

from entropy_rl.absent import Absent
from entropy_rl.problem import Problem
from entropy_rl.tasks import columns as cells
from entropy_rl.tasks import files, held_out
from entropy_rl.tasks.columns import Columns, Final
from entropy_rl.tasks.held_out import Counts
from entropy_rl.tasks.splits import SPLITS, check_split
from entropy_rl.tasks.text_task import TextTask


class Rows(Sequence[Mapping[str, Any]]):
    """Rows as a value: equal if their contents are, and short when printed, so that they fit into a config."""

    def __init__(self, rows: Iterable[Mapping[str, Any]]):
        by_number = hasattr(rows, "__getitem__") and hasattr(rows, "__len__")
        if isinstance(rows, (str, bytes, Mapping)) or not (by_number or isinstance(rows, Iterable)):
            raise ValueError(f"rows is a {type(rows).__name__}; give a list of dicts, or a loaded dataset")
        self._rows = rows if by_number else list(rows)
        self._digest = _digest(self)

    def __len__(self) -> int:
        return len(self._rows)  # type: ignore[arg-type]

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        if not 0 <= index < len(self):
            raise IndexError(f"row {index} of {len(self)}")
        row = self._rows[index]  # type: ignore[index]
        if not isinstance(row, Mapping):
            raise ValueError(
                f"row {index} is a {type(row).__name__}, not a dict of named columns; give a list of dicts"
            )
        return row

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Rows) and self._digest == other._digest

    def __hash__(self) -> int:
        return hash(self._digest)

    def __repr__(self) -> str:
        return f"<{len(self)} rows, sha256 {self._digest[:16]}>"


class _Tabular(TextTask):
    """What rows in memory and in files have in common."""

    name: str
    prompt: str
    answer: str
    id: str
    solution: str
    labels: tuple[str, ...]
    final: Final
    validation_share: float
    test_share: float

    def problems(self, split: str) -> Sequence[Problem]:
        check_split(split)
        return _loaded(self)[0][split]

    @property
    def left_out(self) -> Counts:
        """How many repeated and leaked problems were left out."""
        return _loaded(self)[1]

    def validate(self) -> None:
        """Raises ValueError that names the field, or file and line, the rule and the remedy; reads everything."""
        for field in ("validation_share", "test_share"):
            if not 0.0 <= getattr(self, field) < 1.0:
                raise ValueError(f"{field} = {getattr(self, field)} is a share; use a number in [0, 1)")
        if self.validation_share + self.test_share >= 1.0:
            raise ValueError(
                f"validation_share + test_share = {self.validation_share + self.test_share:g} leaves nothing to train "
                "on; lower one"
            )
        if self.final not in cells.FINALS:
            raise ValueError(f"final = {self.final!r} is unknown; use one of {', '.join(cells.FINALS)}")
        super().validate()

    def _sources(self) -> Iterator[tuple[str, Iterator[files.Row]]]:
        """Yields (split, rows); the split "" is to be cut into splits."""
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class Problems(_Tabular):
    """Problems from any list of dicts, or from a loaded dataset object (anything with a length and rows by number).

    Attributes:
      rows: by named columns; cut into splits by a hash of each id.
      prompt, answer, id, solution, labels, final: see columns.Columns.
      name: for ids, logs and metrics per task.
      validation_share, test_share: of the rows, held out.
      validation, test: rows of their own for these splits; the share is then not taken from `rows`.
    """

    rows: Any
    prompt: str = "question"
    answer: str = "answer"
    id: str = ""
    solution: str = ""
    labels: tuple[str, ...] = ()
    final: Final = "auto"
    name: str = "problems"
    validation_share: float = 0.1
    test_share: float = 0.1
    validation: Any = None
    test: Any = None

    def __post_init__(self) -> None:
        for field in ("rows", "validation", "test"):
            value = getattr(self, field)
            if value is not None and not isinstance(value, (Rows, Absent)):
                object.__setattr__(self, field, Rows(value))

    def _sources(self) -> Iterator[tuple[str, Iterator[files.Row]]]:
        for split, rows in (("", self.rows), ("validation", self.validation), ("test", self.test)):
            if rows is not None:
                prefix = f"row of {split}" if split else "row"
                yield split, ((f"{self.name}, {prefix} {number}", rows[number]) for number in range(len(rows)))


@dataclasses.dataclass(frozen=True)
class LocalProblems(_Tabular):
    """Problems from a JSONL, JSON, CSV or Parquet file with named columns.

    Attributes:
      path: cut into splits by a hash of each id.
      prompt, answer, id, solution, labels, final: see columns.Columns.
      name: for ids, logs and metrics per task.
      validation_share, test_share: of the rows, held out.
      validation, test: files of their own for these splits; the share is then not taken from `path`.
    """

    path: str
    prompt: str = "question"
    answer: str = "answer"
    id: str = ""
    solution: str = ""
    labels: tuple[str, ...] = ()
    final: Final = "auto"
    name: str = "local"
    validation_share: float = 0.1
    test_share: float = 0.1
    validation: str = ""
    test: str = ""

    def _sources(self) -> Iterator[tuple[str, Iterator[files.Row]]]:
        for split, path in (("", self.path), ("validation", self.validation), ("test", self.test)):
            if path:
                yield split, files.read_rows(path)


@functools.lru_cache(maxsize=8)
def _loaded(task: Any) -> tuple[dict[str, list[Problem]], Counts]:
    """Every split of a task, read once."""
    wanted = Columns(task.prompt, task.answer, task.id, task.solution, task.labels, task.final)
    sources = {split: list(rows) for split, rows in task._sources()}
    final = task.final if task.final != "auto" else _decided(task, sources, wanted)
    read = {split: _problems(task.name, rows, wanted, final) for split, rows in sources.items()}
    shares = {split: 0.0 if split in read else getattr(task, f"{split}_share") for split in ("validation", "test")}
    splits = held_out.carved(read.pop(""), shares["validation"], shares["test"]) | read
    kept, counts = held_out.distinct(splits, task.name)
    sizes = ", ".join(f"{len(kept[split])} {split}" for split in SPLITS)
    logging.info("%s: %s problems; answers are read as %s", task.name, sizes, final)
    return kept, counts


def _decided(task: Any, sources: Mapping[str, Sequence[files.Row]], wanted: Columns) -> str:
    rows = [row for part in sources.values() for row in part]
    texts = [cells.answer_text(row, where, wanted) for where, row in rows]
    return cells.decide_final(texts, [where for where, _ in rows], task.answer)


def _problems(name: str, rows: Sequence[files.Row], wanted: Columns, final: str) -> list[Problem]:
    found, places = [], {}
    for where, row in rows:
        problem = cells.problem_of(row, where, wanted, name, final)
        if wanted.id and (first := places.setdefault(problem.id, where)) != where:
            raise ValueError(
                f"{where} has the id {problem.id!r} of {first}; ids are unique: correct one, or leave id=''"
            )
        found.append(problem)
    return found


def _digest(rows: Sequence[Mapping[str, Any]]) -> str:
    digest = hashlib.sha256()
    for index in range(len(rows)):
        row = rows[index]
        digest.update(json.dumps(dict(row), sort_keys=True, default=str).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()
