"""How mazes and routes are written down: one token per cell or move, in a grammar that reads back strictly."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from entropy_rl.problem import Role
from entropy_rl.tasks.maze.grid import MOVES, Cell, Grid, moved
from entropy_rl.tasks.symbols import SymbolTokenizer

COLUMNS = "abcdefghi"
LARGEST = len(COLUMNS)  # of width and height, so that every cell has a name of two characters
WALLS, ASK = "#", ">"
MAX_STEP_CHARACTERS = 16  # a move, a cell and spaces are well below
_STEP = re.compile(r"([UDLR]) +([a-i][1-9])(?: +(?!\Z)|\Z)")  # ASCII only, and no outer spaces


def name(cell: Cell) -> str:
    """`a1` is the upper left cell, `b1` is right of it, `a2` below it."""
    return f"{COLUMNS[cell[0]]}{cell[1] + 1}"


def cell_of(text: str) -> Cell:
    """The cell of a name that `name` wrote."""
    return COLUMNS.index(text[0]), int(text[1]) - 1


def prompt(grid: Grid) -> str:
    """Start, goal and walls: `a1 c3 # b2 d4 >`."""
    return " ".join([name(grid.start), name(grid.goal), WALLS, *map(name, sorted(grid.walls)), ASK])


def response(start: Cell, moves: Iterable[str]) -> str:
    """Each move, and the cell that it leads to: `R b1 R c1 D c2 D c3`."""
    written: list[str] = []
    for move in moves:
        start = moved(start, move)
        written += [move, name(start)]
    return " ".join(written)


def parse(text: str) -> tuple[list[tuple[str, Cell]], int | None]:
    """Reads moves and the cells written after them until one is malformed.

    Returns:
      What was read, and the position at which reading stopped early; None if all of the text was read.
    """
    steps: list[tuple[str, Cell]] = []
    position = 0
    while position < len(text) or not steps:
        match = _STEP.match(text, position)
        if match is None:
            return steps, position
        steps.append((match[1], cell_of(match[2])))
        position = match.end()
    return steps, None


def tokenizer(width: int, height: int) -> SymbolTokenizer:
    """The vocabulary of all mazes of a size."""
    cells = [name((column, row)) for row in range(height) for column in range(width)]
    return SymbolTokenizer((WALLS, ASK, *MOVES, *cells), spaced=True)


def roles(symbols: Sequence[str]) -> list[Role]:
    """Labels written symbols: a move is planning, the cell that it leads to execution."""
    return [
        Role.PLANNING if symbol in MOVES else Role.EXECUTION if symbol[0] in COLUMNS else Role.OTHER
        for symbol in symbols
    ]
