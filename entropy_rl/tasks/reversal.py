"""Reversal: one right answer, nothing to choose; the control where low entropy is right."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import ClassVar

from entropy_rl.tasks.sequences import SequenceTask


@dataclasses.dataclass(frozen=True)
class Reversal(SequenceTask):
    """Write the numbers backwards: `3 1 4 >` has the one answer `4 1 3`."""

    name: ClassVar[str] = "reversal"

    def solve(self, numbers: Sequence[int]) -> list[int]:
        """The numbers, last to first."""
        return list(reversed(numbers))
