"""Modular arithmetic: one right answer again, but one that has to be computed."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence
from typing import ClassVar

from entropy_rl.tasks.sequences import SequenceTask


@dataclasses.dataclass(frozen=True)
class RunningSums(SequenceTask):
    """Write the sum of the numbers so far, modulo `modulus`: `3 9 4 >` has the one answer `3 2 6` modulo 10."""

    name: ClassVar[str] = "running_sums"

    def solve(self, numbers: Sequence[int]) -> list[int]:
        """Sums of the first 1, 2, ... numbers."""
        return [total % self.modulus for total in itertools.accumulate(numbers)]
