"""Append-only streams of records: one JSON object per line, kept consistent with the step a run resumes from."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

import numpy as np
from absl import logging
from etils import epath


class Stream:
    """Writes records to `folder/name.jsonl`, each line flushed as it is written.

    Object stores cannot append. There the records are buffered and every `flush` writes a new part, whole:
    `folder/name.00001.jsonl`, `folder/name.00002.jsonl`, ... `read` joins both forms.
    """

    def __init__(
        self, folder: str | os.PathLike[str], name: str, *, parts: bool | None = None, part_records: int = 256
    ):
        """Opens the stream for appending, creating the folder.

        Args:
          folder: a local folder, or an object store's (gs://...).
          name: the file name without its suffix.
          parts: write parts even on a local disk; None decides by the address.
          part_records: a part is written when this many records wait, and on `flush`.
        """
        self._folder = epath.Path(folder)
        self._name = name
        self._parts = is_object_store(folder) if parts is None else parts
        self._part_records = part_records
        self._waiting: list[str] = []
        self._file: TextIO | None = None
        self._folder.mkdir(parents=True, exist_ok=True)

    def write(self, record: Mapping[str, Any]) -> None:
        """Appends one record. NumPy and JAX scalars and arrays become plain JSON; a non-finite number becomes null."""
        line = to_line(record)
        if self._parts:
            self._waiting.append(line)
            if len(self._waiting) >= self._part_records:
                self.flush()
            return
        if self._file is None:
            path = self._folder / f"{self._name}.jsonl"
            _end_last_line(path)
            self._file = open(path, "a", encoding="utf-8", newline="\n")  # noqa: SIM115 - open for the whole run
        self._file.write(line)
        self._file.flush()

    def flush(self) -> None:
        """Writes the waiting records as a part; a local file is always flushed already."""
        if self._waiting:
            numbers = [_part_number(path, self._name) for path in _part_paths(self._folder, self._name)]
            path = self._folder / f"{self._name}.{max(numbers, default=0) + 1:05d}.jsonl"
            path.write_text("".join(self._waiting))
            self._waiting = []

    def truncate_after(self, step: int) -> None:
        """Drops every record whose "step" is greater than `step`, and a last line that a kill cut short.

        Call it on resume, with the restored step, before the first `write`. Each file is replaced whole.
        """
        self._close_file()
        self._waiting = []
        for path in _paths(self._folder, self._name):
            kept = [to_line(record) for record in _records(path) if record.get("step", step) <= step]
            text = "".join(kept)
            if text.encode() == path.read_bytes():
                continue
            if text:
                _replace(path, text)
            else:
                path.unlink()

    def close(self) -> None:
        self.flush()
        self._close_file()

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def read(folder: str | os.PathLike[str], name: str) -> list[dict[str, Any]]:
    """All records of a stream in the order they were written; [] if there is none. A cut last line is left out."""
    return [record for path in _paths(epath.Path(folder), name) for record in _records(path)]


def is_object_store(folder: str | os.PathLike[str]) -> bool:
    return "://" in os.fspath(folder)


def to_line(record: Mapping[str, Any]) -> str:
    """One line of JSON; a float is written with the digits that give the same float back."""
    return json.dumps(plain(record), allow_nan=False) + "\n"


def plain(value: Any) -> Any:
    """JSON values of nested mappings, sequences, NumPy or JAX scalars and arrays; non-finite numbers become None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, str) or value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if hasattr(value, "dtype"):
        array = np.asarray(value)
        if array.dtype.kind in "USO":
            return plain(array.tolist())
        if array.dtype.kind not in "biuf":  # bfloat16 and its like have no JSON value of their own
            array = array.astype(np.float32)
        return plain(_shortest(array))
    return str(value)


def _shortest(array: np.ndarray) -> Any:
    """Python numbers; float32 keeps its own shortest digits (0.1, not 0.10000000149011612)."""
    if array.dtype in (np.float32, np.float16):
        numbers = [float(str(x)) for x in array.ravel()]
        return np.array(numbers, dtype=object).reshape(array.shape).tolist()
    return array.tolist()


def _records(path: epath.Path) -> Iterator[dict[str, Any]]:
    lines = path.read_bytes().decode("utf-8", errors="replace").split("\n")
    for number, line in enumerate(lines, start=1):
        if not line:
            continue
        try:
            yield json.loads(line)
        except json.JSONDecodeError:
            if number < len(lines):  # only the very last line can be the work of a kill
                logging.warning("%s, line %d is not JSON and is left out", path, number)


def _end_last_line(path: epath.Path) -> None:
    """A process killed while it wrote leaves half a line, which must not swallow the next record."""
    if path.exists() and (data := path.read_bytes()) and not data.endswith(b"\n"):
        _replace(path, "".join(to_line(record) for record in _records(path)))


def _replace(path: epath.Path, text: str) -> None:
    if is_object_store(path):
        path.write_text(text)  # an object is replaced whole
        return
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(text)
    temporary.replace(path)


def _paths(folder: epath.Path, name: str) -> list[epath.Path]:
    whole = folder / f"{name}.jsonl"
    return ([whole] if whole.exists() else []) + _part_paths(folder, name)


def _part_paths(folder: epath.Path, name: str) -> list[epath.Path]:
    if not folder.exists():
        return []
    paths = [path for path in folder.iterdir() if _part_number(path, name)]
    return sorted(paths, key=lambda path: _part_number(path, name))


def _part_number(path: epath.Path, name: str) -> int:
    """The number in `name.00001.jsonl`; 0 if the file is not a part of this stream."""
    middle = path.name.removeprefix(name + ".").removesuffix(".jsonl")
    whole = path.name == f"{name}.{middle}.jsonl"
    return int(middle) if whole and middle.isdigit() else 0
