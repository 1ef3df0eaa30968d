"""How many rows are decoded at a time: all of them first, fewer and fewer as responses end.

A decoding loop computes a fixed number of rows. When enough of them have ended the rest moves into a smaller loop: one
program, a short chain of loops. Rows that have left the first loop carry their prompt's keys and values with them,
which the rows of a prompt shared before; the second loop is therefore small enough that this costs less than it saves.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence

SHRINKAGE = 16.0  # of the first loop to the last: six loops then fill .77 of their rows, eight .82, if lengths fall
MOST, SMALLEST = 6, 4  # off exponentially; loops; rows in the last of several
SHORT = 128  # tokens; shorter responses are not worth a second loop's compilation
ROUNDED = 8  # rows that a matrix unit takes at a time
EARLY = 4  # a first loop is left at length / EARLY tokens or later


def shards_of(prompts: int, shards: int) -> int:
    """Batch shards that sample a part of the prompts each; 1 if prompts do not divide, and every device samples all."""
    return shards if prompts % shards == 0 else 1


def plan(
    prompts: int, group_size: int, width: int, length: int, slots: int = 0, count: int = 0, shards: int = 1
) -> tuple[int, ...]:
    """Rows of each loop on one batch shard, falling.

    Args:
      prompts, group_size: P and G of one call.
      width, length: Q and T.
      slots: rows at a time at most, of all shards; 0 for all rows.
      count: loops; 0 for as many as the length is worth.
      shards: batch shards of the mesh.
    """
    shards = shards_of(prompts, shards)
    rows = prompts // shards * group_size
    first = min(-(-slots // shards), rows) if slots else rows
    if not count:
        count = 1 if length < SHORT else MOST
    early = max(1, length // EARLY)
    # A row on its own reads its whole prompt, one of a group a share of it: second loops of more rows would cost more.
    limit = first if first < rows else rows * (width / group_size + early) / (width + early)
    chain, size = [first], float(first)
    while len(chain) < count and chain[-1] > SMALLEST and size >= 1:
        size /= SHRINKAGE ** (1 / (count - 1))
        smaller = _rounded(size)
        if smaller < chain[-1] and smaller <= limit:
            chain.append(smaller)
    return tuple(chain)


def slot_steps(lengths: Sequence[int], chain: Sequence[int]) -> int:
    """Rows computed over all steps, on one shard, by loops of these sizes for responses of these lengths.

    The share of `sum(lengths)` in it is the utilisation. It follows the program's own rules; a test holds it to them.
    """
    first, now = chain[0], 0
    ends, waiting = list(lengths[:first]), list(lengths[first:])  # the step at which each live row will have ended
    heapq.heapify(ends)
    while waiting:
        wanted = min(refill_threshold(first), len(waiting))
        while first - len(ends) < wanted:
            now = heapq.heappop(ends)
        while ends and ends[0] <= now:  # those that end in the same step
            heapq.heappop(ends)
        begun, waiting = waiting[: first - len(ends)], waiting[first - len(ends) :]
        for length in begun:
            heapq.heappush(ends, now + length)
    steps = first * now
    for size, leave in zip(chain, (*chain[1:], 0), strict=True):
        left = now
        while len(ends) > leave:
            left = heapq.heappop(ends)
        while ends and ends[0] <= left:
            heapq.heappop(ends)
        steps, now = steps + size * (left - now), left
    return steps


def refill_threshold(slots: int) -> int:
    """Free slots that are filled together: each filling costs a little, each empty slot a row per step."""
    return max(1, slots // 16)


def _rounded(size: float) -> int:
    whole = max(1, round(size))
    return whole if whole < ROUNDED else -(-whole // ROUNDED) * ROUNDED
