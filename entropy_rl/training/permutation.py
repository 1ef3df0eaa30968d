"""A keyed permutation of 0 .. size - 1 that is never written down: any position of any epoch at once."""

from __future__ import annotations

import functools
import hashlib

_ROUNDS = 8


def shuffled(size: int, position: int, *key: int | str) -> int:
    """Where a position goes: a bijection of 0 .. size - 1 for each key, the same on every machine.

    A Feistel network over the next power of four, walked until it lands inside (at most four steps on average).
    """
    half = max(1, ((size - 1).bit_length() + 1) // 2)
    secret, value = _secret(key), position
    while True:
        left, right = value >> half, value & ((1 << half) - 1)
        for number in range(_ROUNDS):
            left, right = right, left ^ _mixed(secret, number, right, half)
        value = left << half | right
        if value < size:
            return value


@functools.lru_cache(maxsize=64)
def _secret(key: tuple[int | str, ...]) -> bytes:
    return hashlib.sha256("/".join(map(str, key)).encode()).digest()


def _mixed(secret: bytes, number: int, value: int, bits: int) -> int:
    """`bits` pseudo-random bits of a value."""
    digest = hashlib.blake2b(bytes([number]) + value.to_bytes(8, "big"), digest_size=8, key=secret).digest()
    return int.from_bytes(digest, "big") & ((1 << bits) - 1)
