"""What a task is, in the standard library only, so that verifier workers never import JAX."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping, Sequence
from typing import Any, Protocol, runtime_checkable


class Role(enum.IntEnum):
    """What a response token does; the values are stored in int32 arrays."""

    OTHER = 0
    PLANNING = 1  # decides what to do: an operand, an operator
    EXECUTION = 2  # carries the decision out: a copied digit, a result


@dataclasses.dataclass(frozen=True, slots=True)
class Problem:
    """One question of a task.

    Attributes:
      id: stable across runs and machines; the splits are made from it.
      prompt: the text that the policy sees.
      answer: the reference answer, as text; its meaning is the task's.
      metadata: what the task's verifier needs beside the answer, and labels for reports (plain JSON values).
    """

    id: str
    prompt: str
    answer: str
    metadata: Mapping[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """What a verifier says of one response.

    Attributes:
      score: the reward, finite; 1.0 is a right answer, 0.0 a wrong one, unless the task says otherwise.
      components: named parts of the reward, each logged.
      reason: why, in a few words that a person or a critique can use.
      answer: the normalised final answer that a majority vote counts; "" if there is none.
      undecided: the verifier could not tell; the response is left out of its group's baseline.
    """

    score: float
    components: Mapping[str, float] = dataclasses.field(default_factory=dict)
    reason: str = ""
    answer: str = ""
    undecided: bool = False


class Tokenizer(Protocol):
    """Text to token ids and back; the embedded tasks and Hugging Face tokenizers both fit."""

    @property
    def vocab_size(self) -> int: ...
    @property
    def pad_id(self) -> int: ...
    @property
    def eos_id(self) -> int: ...
    @property
    def eos_ids(self) -> tuple[int, ...]:
        """All that end a sequence; `eos_id` is the one that is written."""
        ...

    def encode(self, text: str) -> list[int]: ...
    def decode(self, tokens: Sequence[int]) -> str: ...


class Task(Protocol):
    """Where problems come from and how answers are judged. A frozen dataclass: it is its own config.

    A task in words has no tokenizer, None, and no lengths, 0: they are the run's, see Config.
    """

    @property
    def tokenizer(self) -> Tokenizer | None: ...
    @property
    def max_prompt_tokens(self) -> int: ...
    @property
    def max_response_tokens(self) -> int: ...

    def size(self, split: str) -> int | None:
        """Number of problems of "train", "validation" or "test"; None for an endless stream."""
        ...

    def problem(self, split: str, index: int) -> Problem:
        """The problem at a position of a split: a pure function of its arguments and of the task's fields."""
        ...

    def verify(self, problem: Problem, response: str) -> Verdict:
        """Judges one response. Never raises on any text and never evaluates it."""
        ...

    def roles(self, tokens: Sequence[int]) -> list[Role]:
        """Labels each response token."""
        ...

    def validate(self) -> None:
        """Raises ValueError that names the field, the rule and the remedy."""
        ...


@runtime_checkable
class Refinable(Protocol):
    """A task that can help with a problem that was failed; what `Config.refinement` asks for."""

    def refinement_prompt(self, problem: Problem, response: str, verdict: Verdict) -> str:
        """What the policy is shown for a second attempt.

        If it begins with the problem's own prompt, what follows is the opening of the refined response, and the policy
        is trained on opening and continuation together; else it is trained on what it samples.
        """
        ...
