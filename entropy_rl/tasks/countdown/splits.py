"""Which problems belong to which split: a property of the problem alone, whatever the seed, tier or machine."""

from __future__ import annotations

import functools
import hashlib

from entropy_rl.tasks.countdown.arithmetic import Numbers

SPLITS = ("train", "validation", "test")
_HELD_OUT = {0: "validation", 1: "test"}  # a tenth of all keys each


def key_text(numbers: Numbers, target: int) -> str:
    """The key of a problem: its numbers, sorted, and its target. All orders of the numbers are one problem."""
    return f"{','.join(map(str, numbers))}:{target}"


@functools.lru_cache(maxsize=1 << 17)
def split_of(numbers: Numbers, target: int) -> str:
    """The only split in which this key may appear, from a hash that no interpreter setting changes."""
    digest = hashlib.sha256(f"countdown/{key_text(numbers, target)}".encode()).digest()
    return _HELD_OUT.get(int.from_bytes(digest[:8], "big") % 10, "train")
