"""Which problems belong to which split: a property of the problem alone, whatever the seed or the machine."""

from __future__ import annotations

import functools
import hashlib

SPLITS = ("train", "validation", "test")
_HELD_OUT = {0: "validation", 1: "test"}  # a tenth of all keys each


@functools.lru_cache(maxsize=1 << 17)
def split_of(key: str) -> str:
    """The only split in which a problem may appear, from a hash of its key that no interpreter setting changes."""
    digest = hashlib.sha256(key.encode()).digest()
    return _HELD_OUT.get(int.from_bytes(digest[:8], "big") % 10, "train")


def check_split(split: str) -> None:
    """Raises ValueError for a split that no task has."""
    if split not in SPLITS:
        raise ValueError(f"split {split!r} is unknown; use one of {', '.join(SPLITS)}")


def check_index(split: str, index: int, size: int | None) -> None:
    """Raises ValueError for a position outside a split; `size` is None for an endless one."""
    if index < 0 or (size is not None and index >= size):
        bound = "any bound" if size is None else size
        raise ValueError(f"index {index} is outside the {split} split; use 0 <= index < {bound}")
