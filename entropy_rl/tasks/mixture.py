"""Several tasks as one: mixed by weights to train on, or one to train on and another to be tested on."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence
from typing import Any

from entropy_rl.problem import Problem, Role, Verdict
from entropy_rl.tasks import apportion
from entropy_rl.tasks.splits import check_index, check_split

PART = "part"  # the metadata that holds the number of a problem's task
LABEL = "task"  # the metadata that metrics per task are named after


@dataclasses.dataclass(frozen=True)
class Mixture:
    """Tasks mixed by weights: `Mixture(((Gsm8k(), 3.0), (Math(), 1.0)))`, or a dict of them.

    A stretch of the training stream holds each task within a draw or two of its share, whatever the sizes of the tasks:
    a small one is simply repeated more often. Held-out splits hold all problems of all tasks, evenly interleaved; what
    is held out is so by its own task: two tasks whose prompts look alike may show each other's, and contradict them.

    Attributes:
      parts: (task, weight > 0); weights need not add up to 1.
    """

    parts: Any

    def __post_init__(self) -> None:
        parts = self.parts.items() if isinstance(self.parts, Mapping) else self.parts
        object.__setattr__(self, "parts", tuple(tuple(part) for part in parts))

    @property
    def train_parts(self) -> tuple[tuple[Any, float], ...]:
        """What the training stream is mixed of."""
        return self.parts

    @property
    def tasks(self) -> list[Any]:
        return [task for task, _ in self.parts]

    @property
    def tokenizer(self) -> Any:
        """Of all the tasks, or None if none brings one."""
        return self.tasks[0].tokenizer

    @property
    def max_prompt_tokens(self) -> int:
        return max(task.max_prompt_tokens for task in self.tasks)

    @property
    def max_response_tokens(self) -> int:
        return max(task.max_response_tokens for task in self.tasks)

    def size(self, split: str) -> int | None:
        """None for "train", which has no end; held-out problems of all the tasks."""
        check_split(split)
        return None if split == "train" else len(_interleaved(self, split))

    def problem(self, split: str, index: int) -> Problem:
        """The problem at a position, with the number of its task in the metadata."""
        check_index(split, index, self.size(split))
        if split != "train":
            part, position = _interleaved(self, split)[index]
        else:
            part, position = apportion.locate(index, apportion.boundaries([weight for _, weight in self.parts]))
            size = self.tasks[part].size(split)
            position = position if size is None else position % size
        return self.labelled(part, self.tasks[part].problem(split, position))

    def demonstration(self, seed: int, index: int) -> tuple[Problem, str]:
        """For a warm start: those of the tasks, mixed by the weights. All must have some: `without_demonstrations`."""
        part, position = apportion.locate(index, apportion.boundaries([weight for _, weight in self.parts]))
        problem, response = self.tasks[part].demonstration(seed, position)
        return self.labelled(part, problem), response

    def labelled(self, part: int, problem: Problem) -> Problem:
        """A problem of a task as one of the mixture."""
        return dataclasses.replace(problem, metadata={**problem.metadata, LABEL: _labels(self)[part], PART: part})

    @property
    def answers_are_maths(self) -> bool:
        """Whether workers may judge by the verifier alone: all parts must say so."""
        return all(getattr(task, "answers_are_maths", False) for task in self.tasks)

    def verify(self, problem: Problem, response: str) -> Verdict:
        """As the problem's own task judges."""
        return self.tasks[problem.metadata[PART]].verify(problem, response)

    def roles(self, tokens: Sequence[int]) -> list[Role]:
        """As the first task labels them: tasks that share a tokenizer share its symbols."""
        return self.tasks[0].roles(tokens)

    def validate(self) -> None:
        """Raises ValueError that names the field, the rule and the remedy."""
        if not self.parts:
            raise ValueError("parts is empty; give (task, weight) pairs")
        for task, weight in self.parts:
            if not 0.0 < weight < math.inf:
                raise ValueError(f"the weight {weight} of {type(task).__name__} is no share; use a number > 0")
            if hasattr(task, "train_parts"):
                raise ValueError(f"{type(task).__name__} is itself made of tasks; mix those, with one weight each")
            task.validate()
            if task.size("train") == 0:
                raise ValueError(f"the train split of {type(task).__name__} is empty, so it cannot be mixed in")
            if task.tokenizer != self.tokenizer:
                raise ValueError(
                    f"{type(task).__name__} and {type(self.tasks[0]).__name__} have different tokenizers; mix tasks in "
                    "words, or tasks of one tokenizer"
                )


@dataclasses.dataclass(frozen=True)
class TrainTest:
    """One task to train on, another to be tested on: `TrainTest(train=DapoMath(), test=Aime24())`.

    Attributes:
      train: a task, a Mixture too.
      test: a task; its "test" split is the test.
      validation: a task whose "validation" split, or "test" if it has none, is used; None for that of `train`.
    """

    train: Any
    test: Any
    validation: Any = None

    @property
    def train_parts(self) -> tuple[tuple[Any, float], ...]:
        """What the training stream is mixed of."""
        return getattr(self.train, "train_parts", ((self.train, 1.0),))

    @property
    def tokenizer(self) -> Any:
        return self.train.tokenizer

    @property
    def max_prompt_tokens(self) -> int:
        return max(task.max_prompt_tokens for task in (self.train, self.test, self.validation) if task)

    @property
    def max_response_tokens(self) -> int:
        return max(task.max_response_tokens for task in (self.train, self.test, self.validation) if task)

    def size(self, split: str) -> int | None:
        task, split = self._source(split)
        return task.size(split)

    def problem(self, split: str, index: int) -> Problem:
        task, source = self._source(split)
        problem = task.problem(source, index)
        return dataclasses.replace(problem, metadata={**problem.metadata, "split": split})

    def demonstration(self, seed: int, index: int) -> tuple[Problem, str]:
        """For a warm start: one of the task to train on."""
        problem, response = self.train.demonstration(seed, index)
        return dataclasses.replace(problem, metadata={**problem.metadata, "split": "train"}), response

    def labelled(self, part: int, problem: Problem) -> Problem:
        """A problem of the training stream as it would be if the training task gave it."""
        problem = self.train.labelled(part, problem) if hasattr(self.train, "labelled") else problem
        return dataclasses.replace(problem, metadata={**problem.metadata, "split": "train"})

    @property
    def answers_are_maths(self) -> bool:
        """Whether workers may judge by the verifier alone: all its tasks must say so."""
        tasks = [task for task in (self.train, self.test, self.validation) if task]
        return all(getattr(task, "answers_are_maths", False) for task in tasks)

    def verify(self, problem: Problem, response: str) -> Verdict:
        """As the problem's own task judges."""
        task, _ = self._source(problem.metadata["split"])
        return task.verify(problem, response)

    def roles(self, tokens: Sequence[int]) -> list[Role]:
        return self.train.roles(tokens)

    def validate(self) -> None:
        """Raises ValueError that names the field, the rule and the remedy."""
        for task in (self.train, self.test, self.validation):
            if task is not None:
                task.validate()
                if task.tokenizer != self.tokenizer:
                    raise ValueError(f"{type(task).__name__} has another tokenizer than the task to train on")

    def _source(self, split: str) -> tuple[Any, str]:
        check_split(split)
        task = getattr(self, split)
        if split == "validation":
            task = task or self.train
            if not task.size("validation") and task is not self.train:
                return task, "test"
        return task, split


def labels_of(task: Any) -> list[str]:
    """The names of the tasks that are trained on together; [] of a single one."""
    trained = task.train if isinstance(task, TrainTest) else task
    return _labels(trained) if isinstance(trained, Mixture) else []


def without_demonstrations(task: Any) -> list[Any]:
    """The tasks that are trained on and that no warm start can be made from."""
    parts = getattr(task, "train_parts", ((task, 1.0),))
    return [part for part, _ in parts if not hasattr(part, "demonstration")]


@functools.lru_cache(maxsize=8)
def _labels(mixture: Mixture) -> list[str]:
    """A name for each task, after which its metrics are called: its own, its dataset's or its class's."""
    names = []
    for task in mixture.tasks:
        own = getattr(task, "name", "") or getattr(getattr(task, "dataset", None), "name", "")
        names.append(str(own or type(task).__name__.lower()).replace("/", "_"))
    return [f"{name}_{number}" if names.count(name) > 1 else name for number, name in enumerate(names)]


@functools.lru_cache(maxsize=8)
def _interleaved(mixture: Mixture, split: str) -> list[tuple[int, int]]:
    """(part, position) of every problem of a held-out split, so that its beginning holds all tasks in proportion."""
    places = []
    for part, task in enumerate(mixture.tasks):
        size = task.size(split) or 0
        places += [((position + 0.5) / size, part, position) for position in range(size)]
    return [(part, position) for _, part, position in sorted(places)]
