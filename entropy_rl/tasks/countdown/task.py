"""Countdown with written steps: small enough for a laptop, with several right routes to most targets."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import Literal

from entropy_rl.problem import Problem, Role, Verdict
from entropy_rl.tasks.countdown import demonstrations, hints, splits, verifier
from entropy_rl.tasks.countdown.arithmetic import Numbers, Rules, count_routes, reachable, routes
from entropy_rl.tasks.countdown.notation import Notation
from entropy_rl.tasks.draws import Draws
from entropy_rl.tasks.splits import check_index, check_split
from entropy_rl.tasks.symbols import SymbolTokenizer

_MAX_ATTEMPTS = 100_000  # draws in search of one problem; only an impossible configuration needs so many


@dataclasses.dataclass(frozen=True)
class Countdown:
    """Combine all the numbers, each once, to make the target; write every step.

        8 6 9 : 24 >    6 + 9 = 15 15 + 8 = 23        (legal and readable, but it misses the target)

    The target is uniform over the positive values that the numbers can reach. A tenth of all (numbers, target) pairs is
    kept for validation and a tenth for test; neither ever appears in `train` or in a demonstration, whatever the seed.
    """

    min_numbers: int = 3
    max_numbers: int = 3
    max_value: int = 12  # numbers are drawn from 1 .. max_value
    max_intermediate: int = 30  # every result lies in 0 .. max_intermediate
    operators: tuple[str, ...] = ("+", "-", "*")
    tokenization: Literal["number", "digit"] = "number"
    validation_problems: int = 192
    test_problems: int = 192
    demonstration_noise: float = 0.5  # share of demonstrations whose path misses the target
    seed: int = 0

    @property
    def rules(self) -> Rules:
        return Rules(self.operators, self.max_intermediate)

    @property
    def notation(self) -> Notation:
        return Notation(spaced=self.tokenization == "number")

    @property
    def tokenizer(self) -> SymbolTokenizer:
        return _tokenizer(self.notation, self.operators, max(self.max_value, self.max_intermediate))

    @property
    def max_prompt_tokens(self) -> int:
        if self.tokenization == "number":
            return self.max_numbers + 3
        return self.max_numbers * (_width(self.max_value) + 1) + _width(self.max_intermediate) + 1

    @property
    def max_response_tokens(self) -> int:
        """Tokens of the longest solution, end of sequence included."""
        steps = self.max_numbers - 1
        if self.tokenization == "number":
            return 5 * steps + 1
        operand = _width(max(self.max_value, self.max_intermediate))
        return steps * (2 * operand + _width(self.max_intermediate) + 3)

    def size(self, split: str) -> int | None:
        """Problems of "validation" or "test"; None for "train", which is endless."""
        check_split(split)
        return {"train": None, "validation": self.validation_problems, "test": self.test_problems}[split]

    def problem(self, split: str, index: int) -> Problem:
        """The problem at a position; a pure function of the fields, the split and the index.

        Raises:
          ValueError: if the split is unknown or the index lies outside it.
        """
        size = self.size(split)
        check_index(split, index, size)
        if size is not None:
            return _problem(self, *_held_out(self, split)[index])
        draws = Draws("countdown", self.seed, split, index)
        for _ in range(_MAX_ATTEMPTS):
            drawn = _draw(self, draws)
            if drawn is not None and splits.split_of(tuple(sorted(drawn[0])), drawn[1]) == split:
                return _problem(self, *drawn)
        raise ValueError(f"no problem of the {split} split found for {self}; raise max_value or max_intermediate")

    def demonstration(self, seed: int, index: int) -> tuple[Problem, str]:
        """A problem and a response for the warm start; a pure function of the fields, `seed` and `index`.

        The response is a random legal path over all the numbers. `demonstration_noise` of them are shown with a
        reachable target that the path misses: the arithmetic is learnt, the search is left to reinforcement learning.
        """
        draws = Draws("countdown", self.seed, "demonstration", seed, index)
        misses = draws.chance(self.demonstration_noise)
        for _ in range(_MAX_ATTEMPTS):
            numbers = _draw_numbers(self, draws)
            ordered = tuple(sorted(numbers))
            steps = demonstrations.random_path(self.rules, ordered, draws)
            if steps is None:
                continue
            target = demonstrations.target_for(self.rules, ordered, steps, misses, draws)
            if target is not None:
                return _problem(self, numbers, target), self.notation.response(steps)
        raise ValueError(f"no demonstration found for {self}; raise max_value or max_intermediate")

    def verify(self, problem: Problem, response: str) -> Verdict:
        """Judges the text of one response; whether it ended in time is the caller's to know."""
        numbers, target = problem.metadata["numbers"], problem.metadata["target"]
        return verifier.verify(self.rules, self.notation, numbers, target, response)

    def refinement_prompt(self, problem: Problem, response: str, verdict: Verdict) -> str:
        """The prompt, and after it the opening of a better answer: see hints.opening.

        The policy never saw criticism in words, so the verifier's reason is given in the only notation it reads: where
        its own steps were good they stand, and it goes on from there.
        """
        del verdict  # its reason is about the first mistake, which the opening ends before
        numbers, target = problem.metadata["numbers"], problem.metadata["target"]
        start = hints.opening(self.rules, self.notation, numbers, target, response)
        return problem.prompt + self.notation.continued(start)

    def number_of_routes(self, problem: Problem) -> int:
        """How many different `Verdict.answer`s are right."""
        return count_routes(self.rules, tuple(sorted(problem.metadata["numbers"])), problem.metadata["target"])

    def roles(self, tokens: Sequence[int]) -> list[Role]:
        """Labels each response token: choices of operands and operators are planning, the rest of a step execution."""
        tokenizer = self.tokenizer
        return self.notation.roles(map(tokenizer.symbol, tokens), self.operators)

    def validate(self) -> None:
        """Raises ValueError that names the field, the rule and the remedy."""
        _check_fields(self)
        for split in ("validation", "test"):
            _held_out(self, split)
        self.problem("train", 0)
        self.demonstration(0, 0)


EASY = Countdown()
HARD = Countdown(max_numbers=4, max_value=9, max_intermediate=40)
MULTI_DIGIT = Countdown(max_value=25, max_intermediate=99, tokenization="digit")

Drawn = tuple[tuple[int, ...], int]  # numbers in the order of the prompt, target


def _width(number: int) -> int:
    return len(str(number))


@functools.lru_cache(maxsize=64)
def _tokenizer(notation: Notation, operators: tuple[str, ...], largest: int) -> SymbolTokenizer:
    return notation.tokenizer(operators, largest)


def _draw_numbers(task: Countdown, draws: Draws) -> tuple[int, ...]:
    count = task.min_numbers + draws.below(task.max_numbers - task.min_numbers + 1)
    return tuple(1 + draws.below(task.max_value) for _ in range(count))


def _draw(task: Countdown, draws: Draws) -> Drawn | None:
    """Numbers, and one of the positive values that they reach; None if they reach none."""
    numbers = _draw_numbers(task, draws)
    targets = reachable(task.rules, tuple(sorted(numbers)))
    zeros = 1 if targets and targets[0] == 0 else 0
    if len(targets) == zeros:
        return None
    return numbers, targets[zeros + draws.below(len(targets) - zeros)]


@functools.lru_cache(maxsize=32)
def _held_out(task: Countdown, split: str) -> tuple[Drawn, ...]:
    """The fixed list of a held-out split: the first distinct keys of a stream of draws."""
    size = task.size(split) or 0
    found: dict[tuple[Numbers, int], Drawn] = {}
    draws = Draws("countdown", task.seed, split)
    for _ in range(_MAX_ATTEMPTS):
        if len(found) == size:
            return tuple(found.values())
        drawn = _draw(task, draws)
        if drawn is None:
            continue
        key = tuple(sorted(drawn[0])), drawn[1]
        if key not in found and splits.split_of(*key) == split:
            found[key] = drawn
    raise ValueError(
        f"{split}_problems={size} is more than the {len(found)} distinct problems found in {_MAX_ATTEMPTS} draws; "
        f"ask for fewer, or raise max_value, max_intermediate or max_numbers"
    )


@functools.lru_cache(maxsize=1 << 16)
def _solution(task: Countdown, numbers: Numbers, target: int) -> str:
    return task.notation.response(next(routes(task.rules, numbers, target)))


def _problem(task: Countdown, numbers: tuple[int, ...], target: int) -> Problem:
    key = tuple(sorted(numbers))
    return Problem(
        id=f"countdown/{splits.key_text(key, target)}",
        prompt=task.notation.prompt(numbers, target),
        answer=_solution(task, key, target),
        metadata={"numbers": list(numbers), "target": target, "n_numbers": len(numbers)},
    )


def _check_fields(task: Countdown) -> None:
    whole = (
        "min_numbers",
        "max_numbers",
        "max_value",
        "max_intermediate",
        "validation_problems",
        "test_problems",
        "seed",
    )
    bounds = {"min_numbers": (2, 6), "max_numbers": (task.min_numbers, 6), "max_value": (1, 999)}
    bounds |= {"max_intermediate": (1, 999), "validation_problems": (1, math.inf), "test_problems": (1, math.inf)}
    for name in whole:
        value = getattr(task, name)
        low, high = bounds.get(name, (-math.inf, math.inf))
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ValueError(f"{name}={value!r} must be an integer in {low}..{high}; change {name}")
    if not 0.0 <= task.demonstration_noise <= 1.0:
        raise ValueError(f"demonstration_noise={task.demonstration_noise!r} is a share; use a number in 0..1")
    if task.tokenization not in ("number", "digit"):
        raise ValueError(f"tokenization={task.tokenization!r} is unknown; use 'number' or 'digit'")
    operators = task.operators
    if not isinstance(operators, tuple) or not operators or len(set(operators)) < len(operators):
        raise ValueError(f"operators={operators!r} must be a tuple without repetition; use ('+', '-', '*') or a part")
    if set(operators) - {"+", "-", "*"}:
        raise ValueError(f"operators={operators!r} holds an unknown one; use ('+', '-', '*') or a part of it")
