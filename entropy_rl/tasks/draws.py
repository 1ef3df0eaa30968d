"""Random integers for data: the same on every machine and Python version, which `random.Random` does not promise."""

from __future__ import annotations

import hashlib

_BLOCK = 1 << 256  # values of one SHA-256 digest
_HEADROOM = 64  # bits kept in reserve, so that the bias of a draw is below 2 ** -64


class Draws:
    """A stream of uniform integers that is a pure function of its name: SHA-256 in counter mode."""

    __slots__ = ("_block", "_name", "_span", "_value")

    def __init__(self, *name: int | str) -> None:
        self._name = "/".join(map(str, name))
        self._block = 0
        self._span = 1
        self._value = 0

    def below(self, bound: int) -> int:
        """An integer in 0 .. bound - 1. The digest is read as one number, digit by digit in the bases asked for."""
        if self._span >> _HEADROOM < bound:
            digest = hashlib.sha256(f"{self._name}/{self._block}".encode()).digest()
            self._value, self._span = int.from_bytes(digest, "big"), _BLOCK
            self._block += 1
        self._value, drawn = divmod(self._value, bound)
        self._span //= bound
        return drawn

    def chance(self, probability: float) -> bool:
        """True with this probability, to 2 ** -32."""
        return self.below(1 << 32) < probability * (1 << 32)
