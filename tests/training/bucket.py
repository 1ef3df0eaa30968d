"""A stand-in for a bucket: gs://... in memory, as strict as an object store is. Arrays go to a local folder.

Objects are written whole, never appended to; there are no folders but those that objects make. What Orbax and
TensorStore write does not pass through here: TensorStore has a client of Cloud Storage of its own.
"""

from __future__ import annotations

import pathlib
from typing import Any

import fsspec
from etils.epath import backend
from fsspec.implementations.memory import MemoryFileSystem

from entropy_rl.training import checkpoints


class Bucket(MemoryFileSystem):
    """Objects of all buckets, by path."""

    protocol = ("gs", "gcs")
    store: dict[str, Any] = {}
    pseudo_dirs: list[str] = [""]
    cachable = False
    refused: list[str] = []

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        path = str(path)
        for protocol in cls.protocol:
            path = path.removeprefix(f"{protocol}://")
        return "/" + path.strip("/") if path.strip("/") else ""

    def _open(self, path: str, mode: str = "rb", **kwargs: Any) -> Any:
        if mode not in ("rb", "wb"):
            self.refused.append(f"{mode} {path}")
            raise NotImplementedError(f"an object store cannot open {path} in mode {mode}")
        parent = self._parent(path)
        if mode == "wb" and parent not in self.pseudo_dirs:
            self.pseudo_dirs.append(parent)
        return super()._open(path, mode=mode, **kwargs)

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        """A folder without objects is nothing."""

    def mkdir(self, path: str, create_parents: bool = True, **kwargs: Any) -> None:
        """Likewise."""

    def exists(self, path: Any, **kwargs: Any) -> bool:
        name = self._strip_protocol(path)
        return name in self.store or any(other.startswith(f"{name}/") for other in self.store)


def use(monkeypatch: Any, local: pathlib.Path) -> Bucket:
    """From now on gs:// is a new bucket in memory, and checkpoints are in `local`."""
    bucket = Bucket()
    bucket.store, bucket.pseudo_dirs, bucket.refused = {}, [""], []
    monkeypatch.setattr(backend._FileSystemSpecBackend, "_get_filesystem", lambda _, name: bucket)
    monkeypatch.setattr(fsspec, "filesystem", lambda *args, **kwargs: bucket)
    opened = checkpoints.Checkpoints.__init__

    def elsewhere(self: Any, folder: Any, *args: Any, **kwargs: Any) -> None:
        text = str(folder)
        opened(self, local / text.removeprefix("gs://") if text.startswith("gs://") else folder, *args, **kwargs)

    monkeypatch.setattr(checkpoints.Checkpoints, "__init__", elsewhere)
    return bucket
