"""Which Countdown problems belong to which split: a property of the problem alone, whatever the seed or the tier."""

from __future__ import annotations

from entropy_rl.tasks import splits
from entropy_rl.tasks.countdown.arithmetic import Numbers


def key_text(numbers: Numbers, target: int) -> str:
    """The key of a problem: its numbers, sorted, and its target. All orders of the numbers are one problem."""
    return f"{','.join(map(str, numbers))}:{target}"


def split_of(numbers: Numbers, target: int) -> str:
    """The only split in which this key may appear."""
    return splits.split_of(f"countdown/{key_text(numbers, target)}")
