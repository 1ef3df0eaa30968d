"""Prepared datasets in a bucket: written there whole, and copied to this machine to be read.

The files are read at random, which the readers of ArrayRecord do on disks only; a dataset is some megabytes.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterator

from etils import epath

MARK = "dataset_info.json"  # written last: where it is, the dataset is whole


def is_bucket(folder: str | os.PathLike[str]) -> bool:
    return "://" in os.fspath(folder)


def here(folder: epath.Path) -> str | None:
    """The folder of a prepared dataset on this machine, a copy where it is in a bucket; None if there is none.

    Raises:
      ValueError: if the bucket cannot be read.
    """
    if not is_bucket(folder):
        return os.fspath(folder) if (folder / MARK).exists() else None
    with contextlib.suppress(FileNotFoundError):
        return _copied(os.fspath(folder))
    return None


def put(source: str, folder: epath.Path) -> None:
    """Copies a prepared dataset into a bucket, in place of what is there.

    Raises:
      ValueError: if the bucket cannot be written.
    """
    paths = sorted(pathlib.Path(source).iterdir(), key=lambda path: path.name == MARK)
    with _explained(folder):
        if folder.exists():
            (folder / MARK).unlink(missing_ok=True)  # first: half of the old one is none
            folder.rmtree()
        for path in paths:
            (folder / path.name).write_bytes(path.read_bytes())
    _copied.cache_clear()


@functools.cache
def _copied(folder: str) -> str:
    """A copy that lasts as long as the process; FileNotFoundError, which is not remembered, if there is nothing."""
    there = epath.Path(folder)
    with _explained(there):
        if not (there / MARK).exists():
            raise FileNotFoundError(folder)
        copy = tempfile.mkdtemp(prefix="entropy_rl_data_")
        atexit.register(shutil.rmtree, copy, ignore_errors=True)
        for path in there.iterdir():
            pathlib.Path(copy, path.name).write_bytes(path.read_bytes())
    return copy


@contextlib.contextmanager
def _explained(folder: epath.Path) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise ValueError(f"{folder}: {error}: pip install -e '.[gcs]' in the clone, or gcsfs") from None
    except FileNotFoundError:
        raise
    except Exception as error:  # the clients of object stores have errors of their own
        raise ValueError(
            f"{folder} cannot be used ({error}); log in with `gcloud auth application-default login`, as an account "
            "that may read and write the bucket"
        ) from error
