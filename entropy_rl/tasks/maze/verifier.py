"""Judges one written route. The text is data: nothing of it is evaluated, and long texts are not even read."""

from __future__ import annotations

from collections.abc import Sequence

from entropy_rl.problem import Verdict
from entropy_rl.tasks.maze import notation
from entropy_rl.tasks.maze.grid import Cell, Grid, distances, moved

_EXCERPT = 24  # characters of the response that a reason may quote


def verify(grid: Grid, most: int, shortest: bool, text: str) -> Verdict:
    """Follows a route from the start.

    Args:
      most: moves that any answer may have.
      shortest: whether a right answer must have the fewest moves possible.

    Returns:
      score 1 if every move is legal, leads to the cell written after it and the last one to the goal, else 0.
      Components: the raw `accuracy`, which is the score, and `format`, 1 if the whole text reads as moves. `reason`
      names the first move that failed and why; `answer` is the moves of a text that reads, right or wrong.
    """
    limit = notation.MAX_STEP_CHARACTERS * most
    if len(text) > limit:
        return _verdict(f"the response has {len(text)} characters, more than the {limit} that any route needs")
    text = text.strip(" ")
    steps, stopped = notation.parse(text)
    complaint = _first_mistake(grid, steps)
    if not complaint and stopped is not None:
        found = ascii(text[stopped : stopped + _EXCERPT]) if stopped < len(text) else "the end"
        complaint = f"move {len(steps) + 1}: expected a move and a cell such as 'R b1', found {found}"
    if not complaint:
        complaint = _wrong_ending(grid, most, shortest, steps)
    return _verdict(complaint, stopped is None, "".join(move for move, _ in steps) if stopped is None else "")


def _verdict(complaint: str, readable: bool = False, answer: str = "") -> Verdict:
    accuracy = 0.0 if complaint else 1.0
    components = {"accuracy": accuracy, "format": float(readable)}
    return Verdict(score=accuracy, components=components, reason=complaint or "correct", answer=answer)


def _first_mistake(grid: Grid, steps: Sequence[tuple[str, Cell]]) -> str:
    """The first illegal or misstated move; "" if there is none."""
    here = grid.start
    for count, (move, written) in enumerate(steps, start=1):
        reached = moved(here, move)
        opening = f"move {count}: {move} from {notation.name(here)}"
        if not grid.contains(reached):
            return f"{opening} leaves the grid"
        if reached in grid.walls:
            return f"{opening} hits the wall at {notation.name(reached)}"
        if reached != written:
            return f"{opening} leads to {notation.name(reached)}, not {notation.name(written)}"
        here = reached
    return ""


def _wrong_ending(grid: Grid, most: int, shortest: bool, steps: Sequence[tuple[str, Cell]]) -> str:
    """Complains of a missed goal or a detour; the moves are right so far."""
    count, end = len(steps), steps[-1][1]
    if end != grid.goal:
        return f"after move {count}: at {notation.name(end)}, not at the goal {notation.name(grid.goal)}"
    fewest = distances(grid)[grid.start]
    if shortest and count > fewest:
        return f"after move {count}: the goal is reached, but {fewest} moves are enough"
    return f"{count} moves are more than the {most} allowed" if count > most else ""
