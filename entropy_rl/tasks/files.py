"""Rows of a JSONL, JSON, CSV or Parquet file, each with the place where it stands."""

from __future__ import annotations

import csv
import json
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

SUFFIXES = (".jsonl", ".json", ".csv", ".parquet")
_LONGEST_LINE = 16 << 20  # bytes; a longer one is damage, and would be read whole before anything could say so
Row = tuple[str, Mapping[str, Any]]


def read_rows(path: str) -> Iterator[Row]:
    """Yields (place, row) for each row of a file, in its order.

    Raises:
      ValueError: that names the file, the line and the remedy.
    """
    file = pathlib.Path(path).expanduser()
    if not file.is_file():
        kind = "is a folder; name one of its files" if file.is_dir() else "does not exist; check the path"
        raise ValueError(f"{path} {kind} (formats: {', '.join(SUFFIXES)})")
    readers = {".jsonl": _jsonl, ".json": _json, ".csv": _csv, ".parquet": _parquet}
    reader = readers.get(file.suffix.lower())
    if reader is None:
        raise ValueError(f"{path} ends in {file.suffix!r}; rows are read from {', '.join(SUFFIXES)}")
    yield from reader(file)


def _jsonl(file: pathlib.Path) -> Iterator[Row]:
    with file.open("rb") as lines:
        number = 0
        while line := lines.readline(_LONGEST_LINE + 1):
            number += 1
            where = f"{file}, line {number}"
            if len(line) > _LONGEST_LINE:
                raise ValueError(f"{where} has more than {_LONGEST_LINE >> 20} MiB; a row is one line of JSON")
            if line.strip():
                yield where, _object(line, where)


def _json(file: pathlib.Path) -> Iterator[Row]:
    rows = _parsed(file.read_bytes(), str(file))
    if isinstance(rows, dict) and len(lists := [value for value in rows.values() if isinstance(value, list)]) == 1:
        rows = lists[0]  # {"data": [...]}
    if not isinstance(rows, list):
        raise ValueError(f"{file} holds no list of rows; write [{{...}}, {{...}}], or one object per line as .jsonl")
    for number, row in enumerate(rows):
        where = f"{file}, row {number}"
        if not isinstance(row, dict):
            raise ValueError(f"{where} is a {type(row).__name__}, not an object with named columns")
        yield where, row


def _object(line: bytes, where: str) -> Mapping[str, Any]:
    row = _parsed(line, where)
    if not isinstance(row, dict):
        raise ValueError(f"{where} is a {type(row).__name__}, not an object with named columns; write {{...}} per line")
    return row


def _parsed(text: bytes, where: str) -> Any:
    try:
        return json.loads(text.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise ValueError(f"{where} is not UTF-8 (byte {error.start}); save the file as UTF-8") from None
    except RecursionError:
        raise ValueError(f"{where} is nested too deeply; a row is an object of plain columns") from None
    except ValueError as error:  # also a number with more digits than Python reads
        raise ValueError(f"{where} is not JSON ({error}); correct the line") from None


def _csv(file: pathlib.Path) -> Iterator[Row]:
    number = 0
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines, strict=True)
            header = list(reader.fieldnames or ())
            if len(set(header)) < len(header):
                raise ValueError(f"{file}, line 1 names a column twice ({', '.join(header)}); rename one")
            for row in reader:
                number = reader.line_num
                where = f"{file}, line {number}"
                if None in row or None in row.values():
                    found = sum(value is not None for value in row.values()) + len(row.get(None) or ()) - (None in row)
                    raise ValueError(f"{where} has {found} columns, the first line {len(header)}; quote commas in text")
                yield where, row
    except UnicodeDecodeError as error:
        raise ValueError(f"{file} is not UTF-8 (byte {error.start}); save the file as UTF-8") from None
    except csv.Error as error:
        raise ValueError(f"{file}, line {number + 1} is not CSV ({error}); quote text with commas") from None


def _parquet(file: pathlib.Path) -> Iterator[Row]:
    try:
        import pyarrow
        import pyarrow.parquet as parquet
    except ImportError:
        raise ValueError(f"{file}: Parquet needs pyarrow; install it (pip install pyarrow) or save as .jsonl") from None
    try:
        with parquet.ParquetFile(file) as table:
            number = 0
            for batch in table.iter_batches(batch_size=1024):
                for row in batch.to_pylist():
                    yield f"{file}, row {number}", row
                    number += 1
    except pyarrow.ArrowException as error:
        raise ValueError(f"{file} is not Parquet ({error!s:.200}); write or download it again") from None
