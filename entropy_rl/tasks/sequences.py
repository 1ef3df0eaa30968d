"""What the tasks with exactly one right answer have in common: a list of numbers in, a list of numbers out.

They are controls for the tasks with many right answers: here a policy that knows the answer has no entropy left, and
a method that holds its entropy up holds its accuracy down.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import ClassVar

from entropy_rl.problem import Problem, Role, Verdict
from entropy_rl.tasks import splits
from entropy_rl.tasks.draws import Draws
from entropy_rl.tasks.symbols import SymbolTokenizer

ASK = ">"
_MAX_ATTEMPTS = 100_000  # draws in search of one problem; only an impossible configuration needs so many
_SYMBOL_CHARACTERS = 8  # a number of at most three digits and spaces are well below
_EXCERPT = 12  # characters of a symbol that a reason may quote
_LARGEST = 1_000


@dataclasses.dataclass(frozen=True)
class SequenceTask:
    """A list of numbers has one list of the same length as its answer: `solve`, which a subclass gives.

    Lists are uniform. A tenth of all lists is kept for validation and a tenth for test; neither ever appears in
    `train` or in a demonstration, whatever the seed.
    """

    name: ClassVar[str] = ""

    min_length: int = 4
    max_length: int = 6
    modulus: int = 10  # numbers are drawn from 0 .. modulus - 1
    validation_problems: int = 192
    test_problems: int = 192
    demonstration_noise: float = 0.2  # chance of each number of a demonstration to be another one than it should
    seed: int = 0

    def solve(self, numbers: Sequence[int]) -> list[int]:
        """The answer, as long as the question."""
        raise NotImplementedError

    @property
    def tokenizer(self) -> SymbolTokenizer:
        return _tokenizer(self.modulus)

    @property
    def max_prompt_tokens(self) -> int:
        return self.max_length + 1

    @property
    def max_response_tokens(self) -> int:
        """Tokens of the longest answer, end of sequence included."""
        return self.max_length + 1

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
            return _problem(self, _held_out(self, split)[index])
        return _problem(self, _find(self, split, Draws(self.name, self.seed, split, index)))

    def demonstration(self, seed: int, index: int) -> tuple[Problem, str]:
        """A problem and a response for the warm start; a pure function of the fields, `seed` and `index`.

        The response is the answer with slips: each number is another one with probability `demonstration_noise`.
        """
        draws = Draws(self.name, self.seed, "demonstration", seed, index)
        numbers = _find(self, "train", draws)
        written = [
            (number + 1 + draws.below(self.modulus - 1)) % self.modulus
            if draws.chance(self.demonstration_noise)
            else number
            for number in self.solve(numbers)
        ]
        return _problem(self, numbers), " ".join(map(str, written))

    def verify(self, problem: Problem, response: str) -> Verdict:
        """Compares number by number; long texts are not even read, and nothing of any is evaluated.

        Returns:
          score 1 for the answer, else 0. Components: `accuracy`, which is the score, and `format`, 1 if the whole text
          reads as numbers of the task. `reason` names the first number that is wrong.
        """
        expected = problem.answer.split(" ")
        limit = _SYMBOL_CHARACTERS * len(expected)
        if len(response) > limit:
            return _verdict(f"the response has {len(response)} characters, more than the {limit} that it needs")
        written = [symbol for symbol in response.split(" ") if symbol]
        known = set(self.tokenizer.symbols) - {ASK}
        readable = bool(written) and known.issuperset(written)
        return _verdict(_first_mistake(expected, written), readable, " ".join(written) if readable else "")

    def number_of_routes(self, problem: Problem) -> int:
        """How many different `Verdict.answer`s are right: one."""
        del problem
        return 1

    def roles(self, tokens: Sequence[int]) -> list[Role]:
        """Every number is execution: there is nothing to choose."""
        symbols = map(self.tokenizer.symbol, tokens)
        return [Role.EXECUTION if symbol.isdecimal() else Role.OTHER for symbol in symbols]

    def validate(self) -> None:
        """Raises ValueError that names the field, the rule and the remedy."""
        _check_fields(self)
        for split in ("validation", "test"):
            _held_out(self, split)
        self.problem("train", 0)


def _verdict(complaint: str, readable: bool = False, answer: str = "") -> Verdict:
    accuracy = 0.0 if complaint else 1.0
    components = {"accuracy": accuracy, "format": float(readable)}
    return Verdict(score=accuracy, components=components, reason=complaint or "correct", answer=answer)


def _first_mistake(expected: Sequence[str], written: Sequence[str]) -> str:
    for count, (right, found) in enumerate(zip(expected, written, strict=False), start=1):
        if right != found:
            return f"number {count}: {ascii(found[:_EXCERPT])} should be '{right}'"
    if len(written) != len(expected):
        return f"{len(written)} numbers are written, {len(expected)} are asked for"
    return ""


@functools.lru_cache(maxsize=64)
def _tokenizer(modulus: int) -> SymbolTokenizer:
    return SymbolTokenizer((ASK, *map(str, range(modulus))), spaced=True)


def _draw(task: SequenceTask, draws: Draws) -> tuple[int, ...]:
    length = task.min_length + draws.below(task.max_length - task.min_length + 1)
    return tuple(draws.below(task.modulus) for _ in range(length))


def _find(task: SequenceTask, split: str, draws: Draws) -> tuple[int, ...]:
    for _ in range(_MAX_ATTEMPTS):
        numbers = _draw(task, draws)
        if splits.split_of(_id(task, numbers)) == split:
            return numbers
    raise ValueError(f"no problem of the {split} split found for {task}; raise max_length or modulus")


@functools.lru_cache(maxsize=32)
def _held_out(task: SequenceTask, split: str) -> tuple[tuple[int, ...], ...]:
    """The fixed list of a held-out split: the first distinct lists of a stream of draws."""
    size = task.size(split) or 0
    found: dict[tuple[int, ...], None] = {}
    draws = Draws(task.name, task.seed, split)
    for _ in range(_MAX_ATTEMPTS):
        if len(found) == size:
            return tuple(found)
        numbers = _draw(task, draws)
        if splits.split_of(_id(task, numbers)) == split:
            found[numbers] = None
    raise ValueError(
        f"{split}_problems={size} is more than the {len(found)} distinct problems found in {_MAX_ATTEMPTS} draws; "
        "ask for fewer, or raise max_length or modulus"
    )


def _id(task: SequenceTask, numbers: Sequence[int]) -> str:
    return f"{task.name}/{task.modulus}/{','.join(map(str, numbers))}"


def _problem(task: SequenceTask, numbers: tuple[int, ...]) -> Problem:
    return Problem(
        id=_id(task, numbers),
        prompt=" ".join([*map(str, numbers), ASK]),
        answer=" ".join(map(str, task.solve(numbers))),
        metadata={"length": len(numbers)},
    )


def _check_fields(task: SequenceTask) -> None:
    _whole(task, "min_length", 1, 64)
    _whole(task, "max_length", task.min_length, 64)
    _whole(task, "modulus", 2, _LARGEST)
    for name in ("validation_problems", "test_problems"):
        _whole(task, name, 1, math.inf)
    _whole(task, "seed", -math.inf, math.inf)
    if not 0.0 <= task.demonstration_noise <= 1.0:
        raise ValueError(f"demonstration_noise={task.demonstration_noise!r} is a chance; use a number in 0..1")


def _whole(task: SequenceTask, name: str, low: float, high: float) -> None:
    value = getattr(task, name)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"{name}={value!r} must be an integer in {low}..{high}; change {name}")
