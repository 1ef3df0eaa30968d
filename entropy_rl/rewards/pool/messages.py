"""What travels between trainer and workers: one JSON object per line, in ASCII; a policy's text is never pickled."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from entropy_rl.problem import Problem, Verdict
from entropy_rl.rewards.reward import Completion


@dataclasses.dataclass(frozen=True)
class Call:
    """One call of a reward: a completion, or with `is_group` all completions of a problem and the anchors beside."""

    problem: Problem
    completions: Sequence[Completion]
    anchors: Sequence[Completion] = ()
    is_group: bool = False

    @property
    def characters(self) -> int:
        """About how long its message is."""
        return 400 + sum(len(each.text) for each in (*self.completions, *self.anchors))


def line(message: Any) -> bytes:
    """A message as a line.

    Raises:
      ValueError: if something in it is no plain JSON value.
    """
    try:
        return json.dumps(message, default=_plain).encode("ascii") + b"\n"
    except TypeError as error:
        raise ValueError(f"{error}; Problem.metadata must hold plain JSON values for rewards in workers") from error


def _plain(value: Any) -> Any:
    """NumPy scalars and arrays, which data sets are full of; JSON knows lists and numbers."""
    convert = getattr(value, "tolist", None)
    if convert is None:
        raise TypeError(f"{type(value).__name__} is no plain value")
    return convert()


def reply(received: bytes) -> dict[str, Any]:
    """What a worker wrote; nonsense is an error as if the reward had raised."""
    try:
        message = json.loads(received)
    except ValueError:
        message = None
    return message if isinstance(message, dict) else {"error": "the worker wrote something that is no reply"}


def call_to_json(call: Call, with_tokens: bool = True) -> list[Any]:
    """Fields in order; a mapping that is no dict becomes one. Without tokens if the reward does not read them."""
    problem = [call.problem.id, call.problem.prompt, call.problem.answer, dict(call.problem.metadata)]
    rows = [[_fields(each, with_tokens) for each in each_of] for each_of in (call.completions, call.anchors)]
    return [problem, *rows, call.is_group]


def call_from_json(message: list[Any]) -> Call:
    """The reverse of `call_to_json`."""
    problem, completions, anchors, is_group = message
    rows = [[_completion(fields) for fields in each_of] for each_of in (completions, anchors)]
    return Call(Problem(*problem), rows[0], rows[1], is_group)


def _fields(completion: Completion, with_tokens: bool) -> list[Any]:
    return [
        () if field.name == "tokens" and not with_tokens else getattr(completion, field.name)
        for field in dataclasses.fields(completion)
    ]


def _completion(values: list[Any]) -> Completion:
    made: Any = [tuple(value) if isinstance(value, list) else value for value in values]
    return Completion(*made)


def verdict_to_json(verdict: Verdict) -> list[Any]:
    """Fields in order."""
    components = {str(name): float(value) for name, value in verdict.components.items()}
    return [float(verdict.score), components, str(verdict.reason), str(verdict.answer), bool(verdict.undecided)]


def verdict_from_json(message: list[Any]) -> Verdict:
    """The reverse of `verdict_to_json`."""
    return Verdict(*message)
