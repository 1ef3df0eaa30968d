"""What every task in words has in common: problems in memory or on disk, judged by the mathematical verifier."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence

from entropy_rl.problem import Problem, Role, Verdict
from entropy_rl.tasks.critique import critique_prompt
from entropy_rl.tasks.splits import SPLITS, check_index, check_split

_BUCKETS = 1 << 32


class TextTask:
    """A task whose prompts are text for a published tokenizer; it brings none of its own and sets no length.

    A subclass is a frozen dataclass with `problems`.
    """

    @property
    def tokenizer(self) -> None:
        """That of the model: see `Config.tokenizer`."""
        return None

    @property
    def max_prompt_tokens(self) -> int:
        return 0  # see rollout.prompt_tokens

    @property
    def max_response_tokens(self) -> int:
        return 0

    def problems(self, split: str) -> Sequence[Problem]:
        """The problems of a split, in their fixed order; empty if the task has no such split."""
        raise NotImplementedError

    def size(self, split: str) -> int | None:
        """Number of problems of "train", "validation" or "test"."""
        check_split(split)
        return len(self.problems(split))

    def problem(self, split: str, index: int) -> Problem:
        """The problem at a position of a split.

        Raises:
          ValueError: if the split is unknown or the index lies outside it.
        """
        check_index(split, index, self.size(split))
        return self.problems(split)[index]

    @property
    def answers_are_maths(self) -> bool:
        """Whether `verify` is the verifier's word on `Problem.answer` and nothing more: workers may then judge."""
        return type(self).verify is TextTask.verify

    def verify(self, problem: Problem, response: str) -> Verdict:
        """Judges one response by its final answer. Never raises on any text and never evaluates it."""
        from entropy_rl import verifier  # brings sympy: only who judges pays for it

        return verifier.verify_answer(problem.answer, response)

    def refinement_prompt(self, problem: Problem, response: str, verdict: Verdict) -> str:
        """The problem again, with the failed answer and why it failed: see critique.critique_prompt."""
        return critique_prompt(problem, response, verdict)

    def roles(self, tokens: Sequence[int]) -> list[Role]:
        """Words have no grammar that would tell planning from execution."""
        return [Role.OTHER] * len(tokens)

    def validate(self) -> None:
        """Raises ValueError that names the field, the rule and the remedy: everything is read once."""
        for split in SPLITS:
            self.size(split)


def normalised(text: str) -> str:
    """A prompt without what does not make it another problem: case, width of characters, white space."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text)).strip().casefold()


def text_key(text: str) -> str:
    """16 hex digits that stand for a prompt: the same on every machine, whatever its row is called."""
    return hashlib.sha256(normalised(text).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def share_of(key: str) -> float:
    """A number in [0, 1) from a hash of a key: what decides its split, whatever the order of the rows."""
    digest = hashlib.sha256(f"split/{key}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:4], "big") / _BUCKETS
