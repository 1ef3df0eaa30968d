"""How many rows are decoded at a time: all of them first, fewer and fewer as responses end.

A decoding loop computes a fixed number of rows. When enough of them have ended the rest moves into a smaller loop: one
program, a short chain of loops. Rows that have left the first loop carry their prompt's keys and values with them,
which the rows of a prompt shared before; the second loop is therefore small enough that this costs less than it saves.
"""

from __future__ import annotations

from collections.abc import Sequence

SHRINKAGE = 16.0  # of the first loop to the last: six loops then fill .77 of their rows, eight .82, if lengths fall
MOST, SMALLEST = 6, 4  # off exponentially; loops; rows in the last of several
SHORT = 128  # tokens; shorter responses are not worth a second loop's compilation
ROUNDED = 8  # rows that a matrix unit takes at a time
EARLY = 4  # a first loop is left at length / EARLY tokens or later


def plan(prompts: int, group_size: int, width: int, length: int, slots: int = 0, count: int = 0) -> tuple[int, ...]:
    """Rows of each loop on one device, falling.

    Args:
      prompts, group_size: P and G of one call, on the device.
      width, length: Q and T.
      slots: rows at a time at most; 0 for all.
      count: loops; 0 for as many as the length is worth.
    """
    rows = prompts * group_size
    first = min(slots, rows) if slots else rows
    if not count:
        count = 1 if length < SHORT else MOST
    early = max(1, length // EARLY)
    # A row on its own reads its whole prompt, one of a group a share of it: second loops of more rows would cost more.
    limit = first if first < rows else rows * (width / group_size + early) / (width + early)
    chain = [first]
    size = float(first)
    while len(chain) < count and chain[-1] > SMALLEST:
        size /= SHRINKAGE ** (1 / (count - 1))
        smaller = _rounded(size)
        if smaller < chain[-1] and smaller <= limit:
            chain.append(smaller)
        if size < 1:
            break
    return tuple(chain)


def slot_steps(lengths: Sequence[int], chain: Sequence[int]) -> int:
    """Rows computed over all steps, on one device, by loops of these sizes for responses of these lengths.

    The share of `sum(lengths)` in it is the utilisation. It follows the program's own rules; a test holds it to them.
    """
    waiting, ages, steps = list(lengths), [], 0
    ages, waiting = waiting[: chain[0]], waiting[chain[0] :]  # tokens left of each live row
    threshold = refill_threshold(chain[0])
    for number, size in enumerate(chain):
        leave = chain[number + 1] if number + 1 < len(chain) else 0
        while len(ages) > leave or (waiting and number == 0):
            ages = [left - 1 for left in ages if left > 1]
            steps += size
            free = size - len(ages)
            if waiting and number == 0 and free >= min(threshold, len(waiting)):
                ages, waiting = ages + waiting[:free], waiting[free:]
    return steps


def refill_threshold(slots: int) -> int:
    """Free slots that are filled together: each filling costs a little, each empty slot a row per step."""
    return max(1, slots // 16)


def _rounded(size: float) -> int:
    whole = max(1, round(size))
    return whole if whole < ROUNDED else -(-whole // ROUNDED) * ROUNDED
