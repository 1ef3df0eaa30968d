"""Which part of a mixture a position of the stream belongs to: a closed form, so that nothing need be replayed.

Position i shows the point x_i = (a i + s) mod 2^64 on a circle that the parts share out by their weights; a is 2^64
over the golden ratio, so that any stretch of positions holds every part within a draw or two of its share (a Kronecker
sequence). How often a part came up before position n is a sum of floors, which Euclid's algorithm gives in O(log n).
"""

from __future__ import annotations

from collections.abc import Sequence

_CIRCLE = 1 << 64
_STEP = 0x9E3779B97F4A7C15  # 2^64 / golden ratio, odd
_SPREAD = 0xD1342543DE82EF95  # moves the start of each seed to another place


def boundaries(weights: Sequence[float]) -> list[int]:
    """Where each part begins on the circle, and its end: len(weights) + 1 rising integers."""
    total, edges, reached = sum(weights), [0], 0.0
    for weight in weights[:-1]:
        reached += weight
        edges.append(int(reached / total * _CIRCLE))
    return [*edges, _CIRCLE]


def locate(position: int, edges: Sequence[int], seed: int = 0) -> tuple[int, int]:
    """(part, how often that part came up before): a pure function of the position."""
    start = seed * _SPREAD % _CIRCLE
    point = (_STEP * position + start) % _CIRCLE
    part = next(number for number in range(len(edges) - 1) if edges[number] <= point < edges[number + 1])
    return part, count(position, edges, part, seed)


def count(position: int, edges: Sequence[int], part: int, seed: int = 0) -> int:
    """How often a part comes up at the positions before this one."""
    start = seed * _SPREAD % _CIRCLE
    return _below(position, edges[part + 1], start) - _below(position, edges[part], start)


def _below(positions: int, edge: int, start: int) -> int:
    """#{i < positions : x_i < edge}, since [x mod M < c] = floor(x / M) - floor((x - c) / M) for 0 <= c <= M."""
    whole = _floor_sum(positions, _CIRCLE, _STEP, start)
    return positions + whole - _floor_sum(positions, _CIRCLE, _STEP, start + _CIRCLE - edge)


def _floor_sum(terms: int, modulus: int, step: int, start: int) -> int:
    """sum of floor((step i + start) / modulus) over i < terms, by Euclid's algorithm."""
    total = 0
    while terms > 0:
        total += step // modulus * (terms * (terms - 1) // 2) + start // modulus * terms
        step, start = step % modulus, start % modulus
        last = step * terms + start
        if last < modulus:
            break
        terms, start = last // modulus, last % modulus
        modulus, step = step, modulus
    return total
