"""What a split holds: how long its prompts are, what kind its answers are of, what is in it twice or held out too."""

from __future__ import annotations

import collections
import dataclasses
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from entropy_rl import verifier
from entropy_rl.problem import Problem, Task
from entropy_rl.tasks.splits import SPLITS
from entropy_rl.tasks.text_task import TextTask, text_key

SHARES = (0.5, 0.95, 1.0)  # of the problems that are at most so long
_SHAPES = (
    ("integer", r"[-+]?\d+"),
    ("decimal", r"[-+]?\d*\.\d+"),
    ("fraction", r"[-+]?(\d+/\d+|\\[dt]?frac\{?\d+\}?\{?\d+\}?)"),
    ("percent", r"[-+]?[\d.,]+\\?%"),
    ("choice", r"\(?[A-J]\)?|\\text\{\(?[A-J]\)?\}"),
    ("interval or tuple", r"[\[(].*,.*[\])](\\cup[\[(].*,.*[\])])*"),
    ("set", r"\\?\{.*\}"),
    ("matrix", r".*\\begin\{[bpv]?matrix\}.*"),
    ("equation", r"[^<>]*=[^<>]*"),
    ("inequality", r".*(<|>|\\leq?|\\geq?).*"),
    ("list", r".*,.*"),
    ("root", r".*\\sqrt.*"),
    ("words", r"(\\text\{)?[A-Za-z]{2,}.*"),
)


@dataclasses.dataclass(frozen=True)
class Survey:
    """Of one split.

    Attributes:
      problems: looked at; `size` is that of the split, None if it is endless.
      characters, tokens: of prompts, at the SHARES; tokens are None without a tokenizer.
      answers: how many of each kind.
      unreadable: references that the verifier cannot read, as (id, answer): no response to them is ever right.
      repeated: prompts that stood in the split before.
      held_out: prompts of train that stand in validation or test too.
    """

    size: int | None
    problems: int
    characters: tuple[int, ...]
    tokens: tuple[int, ...] | None
    answers: Mapping[str, int]
    unreadable: Sequence[tuple[str, str]]
    repeated: int
    held_out: int


def survey(task: Task, split: str, most: int, count_tokens: Callable[[str], int] | None = None) -> Survey:
    """Looks at the first `most` problems of a split.

    Raises:
      ValueError: if the split is empty.
    """
    size = task.size(split)
    number = most if size is None else min(size, most)
    if not number:
        raise ValueError(f"the {split} split of {type(task).__name__} is empty; look at another with --split")
    problems = [task.problem(split, index) for index in range(number)]
    keys = [text_key(problem.prompt) for problem in problems]
    tokens = None if count_tokens is None else quantiles([count_tokens(problem.prompt) for problem in problems])
    return Survey(
        size,
        number,
        quantiles([len(problem.prompt) for problem in problems]),
        tokens,
        dict(collections.Counter(kind_of(problem.answer) for problem in problems).most_common()),
        [(problem.id, problem.answer) for problem in problems if not is_readable(task, problem)],
        number - len(set(keys)),
        len(set(keys) & _keys_elsewhere(task)) if split == "train" else 0,
    )


def kind_of(answer: str) -> str:
    """The kind of a reference answer, by its looks."""
    text = re.sub(r"\s|\$|\\left|\\right|\\!|\\,|(?<=\d),(?=\d{3}\b)", "", answer)
    return next((kind for kind, shape in _SHAPES if re.fullmatch(shape, text, re.DOTALL)), "expression")


def is_readable(task: Any, problem: Problem) -> bool:
    """Whether a response that repeats the reference is right. True for tasks whose answers are of another kind."""
    if not isinstance(task, TextTask) or type(task).verify is not TextTask.verify:
        return True
    return verifier.verify_answer(problem.answer, f"\\boxed{{{problem.answer}}}").score >= 1.0


def quantiles(values: Sequence[int]) -> tuple[int, ...]:
    """The smallest values that a share of all does not exceed, for each of SHARES."""
    ordered = sorted(values)
    return tuple(ordered[max(0, -int(-share * len(ordered) // 1) - 1)] for share in SHARES)


def _keys_elsewhere(task: Task) -> set[str]:
    held_out = [split for split in SPLITS if split != "train"]
    return {text_key(task.problem(s, index).prompt) for s in held_out for index in range(task.size(s) or 0)}
