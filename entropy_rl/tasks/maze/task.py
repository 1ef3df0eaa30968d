"""Grid mazes with several shortest routes: a task where many answers are right, so that entropy has a use."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Sequence

from entropy_rl.problem import Problem, Role, Verdict
from entropy_rl.tasks import splits
from entropy_rl.tasks.draws import Draws
from entropy_rl.tasks.maze import hints, notation, verifier
from entropy_rl.tasks.maze.grid import (
    Cell,
    Grid,
    closer,
    count_walks,
    distances,
    random_shortest,
    random_walk,
    shortest_counts,
)
from entropy_rl.tasks.symbols import SymbolTokenizer

_MAX_ATTEMPTS = 100_000  # draws in search of one problem; only an impossible configuration needs so many


@dataclasses.dataclass(frozen=True)
class Maze:
    """Go from the first cell to the second around the walls; write each move and the cell that it leads to.

        a1 c3 # b2 d4 >    R b1 R c1 D c2 D c3        (a1 is the upper left cell, b1 is right of it)

    Walls, start and goal are uniform over the mazes whose shortest route is as long, and whose shortest routes are as
    many, as asked for. A tenth of all mazes is kept for validation and a tenth for test; neither ever appears in
    `train` or in a demonstration, whatever the seed.
    """

    width: int = 5
    height: int = 5
    walls: int = 6
    min_distance: int = 3  # moves of the shortest route
    max_distance: int = 6
    min_routes: int = 2  # different shortest routes
    shortest: bool = True  # False: any route without a wall is right, if it has at most one move per open cell
    validation_problems: int = 192
    test_problems: int = 192
    demonstration_noise: float = 0.5  # share of demonstrations that wander and miss the goal
    seed: int = 0

    @property
    def tokenizer(self) -> SymbolTokenizer:
        return _tokenizer(self.width, self.height)

    @property
    def max_moves(self) -> int:
        """Moves of the longest right answer."""
        return self.max_distance if self.shortest else self.width * self.height - self.walls - 1

    @property
    def max_prompt_tokens(self) -> int:
        return self.walls + 4

    @property
    def max_response_tokens(self) -> int:
        """Tokens of the longest right answer, end of sequence included."""
        return 2 * self.max_moves + 1

    def size(self, split: str) -> int | None:
        """Problems of "validation" or "test"; None for "train", which is endless."""
        splits.check_split(split)
        return {"train": None, "validation": self.validation_problems, "test": self.test_problems}[split]

    def problem(self, split: str, index: int) -> Problem:
        """The problem at a position; a pure function of the fields, the split and the index.

        Raises:
          ValueError: if the split is unknown or the index lies outside it.
        """
        size = self.size(split)
        splits.check_index(split, index, size)
        if size is not None:
            return _problem(_held_out(self, split)[index])
        return _problem(_find(self, split, Draws("maze", self.seed, split, index)))

    def demonstration(self, seed: int, index: int) -> tuple[Problem, str]:
        """A problem and a response for the warm start; a pure function of the fields, `seed` and `index`.

        The response is one of the shortest routes, each as likely as the others; but `demonstration_noise` of the
        responses are aimless walks that miss the goal: legal moves are learnt, the way is left to reinforcement
        learning.
        """
        draws = Draws("maze", self.seed, "demonstration", seed, index)
        misses = draws.chance(self.demonstration_noise)
        for _ in range(_MAX_ATTEMPTS):
            grid = _find(self, "train", draws)
            if not misses:
                return _problem(grid), notation.response(grid.start, random_shortest(grid, draws))
            text = notation.response(grid.start, random_walk(grid, distances(grid)[grid.start], draws))
            if not text.endswith(notation.name(grid.goal)):
                return _problem(grid), text
        raise ValueError(f"no demonstration found for {self}; lower walls or demonstration_noise")

    def verify(self, problem: Problem, response: str) -> Verdict:
        """Judges the text of one response; whether it ended in time is the caller's to know."""
        return verifier.verify(_grid(problem), self.max_moves, self.shortest, response)

    def refinement_prompt(self, problem: Problem, response: str, verdict: Verdict) -> str:
        """The prompt, and after it the opening of a better answer: see hints.opening."""
        del verdict  # its reason is about the first mistake, which the opening ends before
        grid = _grid(problem)
        start = hints.opening(grid, distances(grid)[grid.start] if self.shortest else self.max_moves, response)
        return f"{problem.prompt} {start}".rstrip(" ")

    def number_of_routes(self, problem: Problem) -> int:
        """How many different `Verdict.answer`s are right."""
        grid = _grid(problem)
        return shortest_counts(grid)[grid.start] if self.shortest else count_walks(grid, self.max_moves)

    def roles(self, tokens: Sequence[int]) -> list[Role]:
        """Labels each response token: a move is planning, the cell that it leads to execution."""
        tokenizer = self.tokenizer
        return notation.roles([tokenizer.symbol(token) for token in tokens])

    def validate(self) -> None:
        """Raises ValueError that names the field, the rule and the remedy."""
        _check_fields(self)
        for split in ("validation", "test"):
            _held_out(self, split)
        self.problem("train", 0)
        self.demonstration(0, 0)


@functools.lru_cache(maxsize=64)
def _tokenizer(width: int, height: int) -> SymbolTokenizer:
    return notation.tokenizer(width, height)


def _draw(task: Maze, draws: Draws) -> Grid | None:
    """A maze of the task; None if the cells drawn make none."""
    cells = [(column, row) for row in range(task.height) for column in range(task.width)]
    chosen: list[Cell] = [cells.pop(draws.below(len(cells))) for _ in range(task.walls + 2)]
    grid = Grid(task.width, task.height, frozenset(chosen[2:]), chosen[0], chosen[1])
    far = abs(grid.start[0] - grid.goal[0]) + abs(grid.start[1] - grid.goal[1])
    if far > task.max_distance:  # walls only make it longer
        return None
    if not task.min_distance <= distances(grid).get(grid.start, 0) <= task.max_distance:
        return None
    return grid if shortest_counts(grid)[grid.start] >= task.min_routes else None


def _find(task: Maze, split: str, draws: Draws) -> Grid:
    for _ in range(_MAX_ATTEMPTS):
        grid = _draw(task, draws)
        if grid is not None and splits.split_of(_id(grid)) == split:
            return grid
    raise ValueError(f"no maze of the {split} split found for {task}; lower walls, min_distance or min_routes")


@functools.lru_cache(maxsize=32)
def _held_out(task: Maze, split: str) -> tuple[Grid, ...]:
    """The fixed list of a held-out split: the first distinct mazes of a stream of draws."""
    size = task.size(split) or 0
    found: dict[Grid, None] = {}
    draws = Draws("maze", task.seed, split)
    for _ in range(_MAX_ATTEMPTS):
        if len(found) == size:
            return tuple(found)
        grid = _draw(task, draws)
        if grid is not None and splits.split_of(_id(grid)) == split:
            found[grid] = None
    raise ValueError(
        f"{split}_problems={size} is more than the {len(found)} distinct mazes found in {_MAX_ATTEMPTS} draws; "
        "ask for fewer, enlarge the grid, or lower min_distance or min_routes"
    )


def _id(grid: Grid) -> str:
    return f"maze/{grid.width}x{grid.height}/{notation.prompt(grid)}"


def _problem(grid: Grid) -> Problem:
    route, cell = "", grid.start
    while cell != grid.goal:
        move, cell = closer(grid, cell)[0]
        route += move
    return Problem(
        id=_id(grid),
        prompt=notation.prompt(grid),
        answer=notation.response(grid.start, route),
        metadata={
            "width": grid.width,
            "height": grid.height,
            "start": notation.name(grid.start),
            "goal": notation.name(grid.goal),
            "walls": [notation.name(cell) for cell in sorted(grid.walls)],
            "distance": len(route),
        },
    )


def _grid(problem: Problem) -> Grid:
    given = problem.metadata
    walls = frozenset(map(notation.cell_of, given["walls"]))
    ends = notation.cell_of(given["start"]), notation.cell_of(given["goal"])
    return Grid(given["width"], given["height"], walls, *ends)


def _check_fields(task: Maze) -> None:
    for name in ("width", "height"):
        _whole(task, name, 2, notation.LARGEST)
    cells = task.width * task.height
    _whole(task, "walls", 0, cells - 2)
    _whole(task, "min_distance", 1, cells - 1)
    _whole(task, "max_distance", task.min_distance, cells - 1)
    for name in ("min_routes", "validation_problems", "test_problems"):
        _whole(task, name, 1, math.inf)
    _whole(task, "seed", -math.inf, math.inf)
    if not 0.0 <= task.demonstration_noise <= 1.0:
        raise ValueError(f"demonstration_noise={task.demonstration_noise!r} is a share; use a number in 0..1")
    if not isinstance(task.shortest, bool):
        raise ValueError(f"shortest={task.shortest!r} is neither True nor False; use one of them")


def _whole(task: Maze, name: str, low: float, high: float) -> None:
    value = getattr(task, name)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"{name}={value!r} must be an integer in {low}..{high}; change {name}")
