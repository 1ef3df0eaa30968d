"""The files of a dataset: from a manual folder, from an earlier download, or from where they are published."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator

from absl import logging

from entropy_rl.tasks import files
from entropy_rl.tasks.datasets.dataset import Dataset, Source

CHECKSUMS = "checksums.json"
_SECONDS = 30.0  # without a byte
_BLOCK = 1 << 20


def file_of(dataset: Dataset, source: Source, folder: pathlib.Path, manual: str = "") -> pathlib.Path:
    """A file of a dataset, on this machine.

    Args:
      folder: of downloads.
      manual: a folder where the user put the files; nothing is downloaded then.

    Raises:
      ValueError: if it is not there, cannot be had, or has other bytes than it should.
    """
    if manual:
        return _by_hand(dataset, source, manual)
    path = folder / dataset.name / source.file
    if not path.exists():
        _download(dataset, source, path)
    _compare(source, path, folder / CHECKSUMS)
    return path


def instructions(dataset: Dataset, manual: str = "") -> str:
    """Which files a manual folder must hold, with which columns, and where they are published."""
    root = pathlib.Path(manual or "FOLDER")
    folder = root if root.name == dataset.name else root / dataset.name
    lines = [f"{folder / source.file}   from {source.url}" for source in dataset.sources]
    schemas = "; or ".join(", ".join(filter(None, (c.prompt, c.answer, *c.labels))) for c in dataset.columns)
    return "\n  ".join(
        [f"{dataset.title} needs, with --manual_dir={manual or 'FOLDER'}:", *lines, f"with the columns {schemas}"]
    )


def _by_hand(dataset: Dataset, source: Source, manual: str) -> pathlib.Path:
    root = pathlib.Path(manual).expanduser()
    folder = root if root.name == dataset.name else root / dataset.name  # many datasets have a test.jsonl
    stem = pathlib.Path(source.file).stem
    for name in (source.file, *(f"{stem}{suffix}" for suffix in files.SUFFIXES)):
        if (folder / name).is_file():
            return folder / name
    raise ValueError(f"{source.file} is not in {folder}. {instructions(dataset, manual)}")


def _download(dataset: Dataset, source: Source, path: pathlib.Path) -> None:
    """Writes the file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    request = urllib.request.Request(source.url, headers={"User-Agent": "entropy_rl"})
    logging.info("downloading %s", source.url)
    handle, partial = tempfile.mkstemp(dir=path.parent, prefix=".partial-")
    try:
        with os.fdopen(handle, "wb") as out, urllib.request.urlopen(request, timeout=_SECONDS) as answer:
            expected, received = answer.headers.get("Content-Length"), 0
            while block := answer.read(_BLOCK):
                out.write(block)
                received += len(block)
        if expected is not None and received != int(expected):
            raise OSError(f"it ended after {received} of {expected} bytes")
        os.replace(partial, path)
    except (OSError, urllib.error.URLError) as error:
        raise ValueError(
            f"{source.url} cannot be downloaded ({error}). Where there is no network, fetch the files elsewhere. "
            f"{instructions(dataset)}"
        ) from None
    finally:
        pathlib.Path(partial).unlink(missing_ok=True)


def _compare(source: Source, path: pathlib.Path, record: pathlib.Path) -> None:
    """Holds the file against its published checksum, or against that of the first download, which is recorded."""
    found = sha256_of(path)
    known = json.loads(record.read_text()) if record.exists() else {}
    expected = source.sha256 or known.get(source.url, "")
    if expected and found != expected:
        origin = "its publisher states" if source.sha256 else f"{record} recorded at the first download"
        raise ValueError(
            f"{path} has the SHA-256 {found}, but {origin} {expected}; delete the file to download it again, or, if "
            "its publisher changed it, delete the record too"
        )
    if not expected:
        logging.info("%s: no checksum is published; recorded %s", path.name, found)
        record.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({**known, source.url: found}, indent=1, sort_keys=True)
        partial = record.with_name(f".{record.name}.{os.getpid()}")
        partial.write_text(text + "\n")
        os.replace(partial, record)


def sha256_of(path: pathlib.Path) -> str:
    """Of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    for block in _blocks(path):
        digest.update(block)
    return digest.hexdigest()


def _blocks(path: pathlib.Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block
