"""What helps a policy that lost its way: how far its own route was good, and one right move where it was not at all."""

from __future__ import annotations

from entropy_rl.tasks.maze import notation
from entropy_rl.tasks.maze.grid import Grid, closer, distances, moved


def opening(grid: Grid, most: int, text: str) -> str:
    """The first moves of an answer that can still be right, for the policy to go on from.

    The moves of the response are kept as far as they are legal, lead to the cells written after them and leave the
    goal within reach of `most` moves in all; the move that reaches the goal is never kept, for it is the answer. If
    not even the first is good, one of a shortest route stands in for it, unless it would be the answer.
    """
    here, kept, far = grid.start, "", distances(grid)
    for move, written in notation.parse(text.strip(" "))[0][:most]:
        reached = moved(here, move)
        if reached != written or reached == grid.goal or len(kept) + 1 + far.get(reached, most) > most:
            break
        here, kept = reached, kept + move
    if not kept and far[grid.start] > 1:
        kept = closer(grid, grid.start)[0][0]
    return notation.response(grid.start, kept)
