"""Cells, moves and walls of a maze, and exact counts of its routes."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator, Mapping

from entropy_rl.tasks.draws import Draws

Cell = tuple[int, int]  # column from the left, row from the top, both from 0
MOVES: Mapping[str, Cell] = {"U": (0, -1), "D": (0, 1), "L": (-1, 0), "R": (1, 0)}


@dataclasses.dataclass(frozen=True, slots=True)
class Grid:
    """A maze: from `start` to `goal` over the cells that are no walls."""

    width: int
    height: int
    walls: frozenset[Cell]
    start: Cell
    goal: Cell

    def contains(self, cell: Cell) -> bool:
        return 0 <= cell[0] < self.width and 0 <= cell[1] < self.height

    def is_open(self, cell: Cell) -> bool:
        return self.contains(cell) and cell not in self.walls


def moved(cell: Cell, move: str) -> Cell:
    """Where a move leads, be it open or not."""
    right, down = MOVES[move]
    return cell[0] + right, cell[1] + down


def neighbours(grid: Grid, cell: Cell) -> Iterator[tuple[str, Cell]]:
    """Every legal move from a cell, and where it leads."""
    for move in MOVES:
        target = moved(cell, move)
        if grid.is_open(target):
            yield move, target


@functools.lru_cache(maxsize=1 << 14)
def distances(grid: Grid) -> Mapping[Cell, int]:
    """Fewest moves to the goal from every cell that can reach it."""
    found = {grid.goal: 0}
    frontier = [grid.goal]
    while frontier:
        reached = {cell for known in frontier for _, cell in neighbours(grid, known)} - found.keys()
        found.update(dict.fromkeys(reached, found[frontier[0]] + 1))
        frontier = sorted(reached)
    return found


@functools.lru_cache(maxsize=1 << 14)
def shortest_counts(grid: Grid) -> Mapping[Cell, int]:
    """How many different shortest routes lead to the goal from every cell that can reach it."""
    far = distances(grid)
    counts = {grid.goal: 1}
    for cell in sorted(far, key=far.__getitem__)[1:]:
        counts[cell] = sum(counts[near] for _, near in neighbours(grid, cell) if far[near] == far[cell] - 1)
    return counts


def closer(grid: Grid, cell: Cell) -> list[tuple[str, Cell]]:
    """The moves that lie on a shortest route from a cell; none at the goal."""
    far = distances(grid)
    return [(move, near) for move, near in neighbours(grid, cell) if far[near] < far[cell]]


def count_walks(grid: Grid, most: int) -> int:
    """How many different sequences of at most `most` legal moves end at the goal; cells may be visited again."""
    ways: dict[Cell, int] = {grid.start: 1}
    total = 0
    for _ in range(most):
        after: dict[Cell, int] = {}
        for cell, count in ways.items():
            for _, near in neighbours(grid, cell):
                after[near] = after.get(near, 0) + count
        ways = after
        total += ways.get(grid.goal, 0)
    return total


def random_shortest(grid: Grid, draws: Draws) -> str:
    """Moves of a shortest route, each route with the same probability."""
    counts, cell, moves = shortest_counts(grid), grid.start, ""
    while cell != grid.goal:
        drawn = draws.below(counts[cell])
        for move, near in closer(grid, cell):
            if drawn < counts[near]:
                moves, cell = moves + move, near
                break
            drawn -= counts[near]
    return moves


def random_walk(grid: Grid, length: int, draws: Draws) -> str:
    """Aimless legal moves that visit no cell twice, each uniform among the legal ones; shorter at a dead end."""
    cell, visited, moves = grid.start, {grid.start}, ""
    while len(moves) < length:
        choices = [choice for choice in neighbours(grid, cell) if choice[1] not in visited]
        if not choices:
            break
        move, cell = choices[draws.below(len(choices))]
        visited.add(cell)
        moves += move
    return moves
