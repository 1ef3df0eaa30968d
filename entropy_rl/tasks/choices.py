"""Multiple choice from a local file: questions, their choices, and which of them is right.

Choices("commonsense.jsonl", question="question", choices="choices", answer="answerKey")
"""

from __future__ import annotations

import dataclasses
import functools
import string
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from absl import logging

from entropy_rl.problem import Problem, Verdict
from entropy_rl.tasks import choosing, files, held_out
from entropy_rl.tasks.splits import SPLITS, check_split
from entropy_rl.tasks.text_task import TextTask, normalised, text_key

LETTERS = string.ascii_uppercase


@dataclasses.dataclass(frozen=True)
class Choices(TextTask):
    """Questions with lettered choices, from a JSONL, JSON or Parquet file; the letter or the text of one is right.

    The choices of a row are a list of texts, a list of {"label", "text"}, or lists under "label" and "text", as
    CommonsenseQA and ARC have them. Its answer is a label, a letter, a number from 0, or the text of a choice. The
    policy always sees the letters A, B, C, ... in the order of the row.

    Attributes:
      path: cut into splits by a hash of each question and its choices.
      question, choices, answer: columns; a dot leads into nested ones, `question.stem`.
      instruction: the last line of every prompt; "" for none.
      name: for ids, logs and metrics per task.
      validation_share, test_share: of the rows, held out.
      validation, test: files of their own for these splits; the share is then not taken from `path`.
    """

    path: str
    question: str = "question"
    choices: str = "choices"
    answer: str = "answer"
    instruction: str = "Answer with the letter of the right choice."
    name: str = "choices"
    validation_share: float = 0.1
    test_share: float = 0.1
    validation: str = ""
    test: str = ""

    def problems(self, split: str) -> Sequence[Problem]:
        check_split(split)
        return _loaded(self)[split]

    def verify(self, problem: Problem, response: str) -> Verdict:
        """Judges one response by the one choice that it commits itself to: see choosing.verify."""
        return choosing.verify(problem.answer, problem.metadata["choices"], response)

    def number_of_routes(self, problem: Problem) -> int:
        """How many different `Verdict.answer`s are right: one."""
        del problem
        return 1

    def validate(self) -> None:
        """Raises ValueError that names the field, or file and line, the rule and the remedy; reads everything."""
        shares = (self.validation_share, self.test_share)
        for field, share in zip(("validation_share", "test_share"), shares, strict=True):
            if not 0.0 <= share < 1.0:
                raise ValueError(f"{field} = {share} is a share; use a number in [0, 1)")
        if sum(shares) >= 1.0:
            raise ValueError(f"validation_share + test_share = {sum(shares):g} leaves nothing to train on; lower one")
        super().validate()


@functools.lru_cache(maxsize=8)
def _loaded(task: Choices) -> dict[str, list[Problem]]:
    """Every split of a task, read once."""
    paths = {"": task.path, "validation": task.validation, "test": task.test}
    read = {split: list(_problems(task, path)) for split, path in paths.items() if path}
    shares = {split: 0.0 if split in read else getattr(task, f"{split}_share") for split in ("validation", "test")}
    splits = held_out.carved(read.pop(""), shares["validation"], shares["test"]) | read
    kept, _ = held_out.distinct(splits, task.name)
    logging.info("%s: %s problems", task.name, ", ".join(f"{len(kept[split])} {split}" for split in SPLITS))
    return kept


def _problems(task: Choices, path: str) -> Iterator[Problem]:
    for where, row in files.read_rows(path):
        question = _text(_value(row, task.question, where), f"{where}, column {task.question!r}")
        labels, texts = _choices(_value(row, task.choices, where), f"{where}, column {task.choices!r}")
        right = _right(_value(row, task.answer, where), labels, texts, f"{where}, column {task.answer!r}")
        lines = [question, *(f"{letter}. {text}" for letter, text in zip(LETTERS, texts, strict=False))]
        prompt = "\n".join([*lines, task.instruction] if task.instruction else lines)
        metadata = {"task": task.name, "choices": texts}
        key = text_key("\n".join(lines))  # without the instruction: another one leaves every problem in its split
        yield Problem(f"{task.name}/{key}", prompt, LETTERS[right], metadata)


def _value(row: Mapping[str, Any], column: str, where: str) -> Any:
    value: Any = row
    for part in [column] if column in row else column.split("."):
        if not isinstance(value, Mapping) or part not in value:
            names = ", ".join(map(repr, list(row)[:20])) or "no columns"
            raise ValueError(
                f"{where} has no column {column!r}; it has {names}: name one with question=, choices= or answer="
            )
        value = value[part]
    return value


def _text(value: Any, where: str) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, float)) or not str(value).strip():
        raise ValueError(f"{where} holds {value!r:.80}, which is no text; correct the row or name another column")
    return str(value).strip().encode("utf-8", "replace").decode("utf-8")  # lone surrogates cannot be tokenized


def _choices(value: Any, where: str) -> tuple[list[str], list[str]]:
    """Labels, as the file has them, and texts."""
    if isinstance(value, Mapping) and {"label", "text"} <= value.keys():
        pairs = [{"label": label, "text": text} for label, text in zip(value["label"], value["text"], strict=False)]
        value = pairs if len(value["label"]) == len(value["text"]) else None
    if not isinstance(value, (list, tuple)) or not 2 <= len(value) <= len(LETTERS):
        raise ValueError(
            f"{where} holds no list of 2 to {len(LETTERS)} choices; write texts, or objects with a label and a text"
        )
    labelled = all(isinstance(choice, Mapping) and {"label", "text"} <= choice.keys() for choice in value)
    texts = [_text(choice["text"] if labelled else choice, where) for choice in value]
    labels = [str(choice["label"]) for choice in value] if labelled else list(LETTERS[: len(value)])
    for name, found in (("texts", [normalised(text) for text in texts]), ("labels", labels)):
        if len(set(found)) < len(found):
            raise ValueError(f"{where} has two choices with the same {name[:-1]}; correct the row: {found}")
    return labels, texts


def _right(answer: Any, labels: Sequence[str], texts: Sequence[str], where: str) -> int:
    """The position of the right choice: by label, else by text, else by number."""
    if isinstance(answer, (str, int)) and not isinstance(answer, bool):
        written = str(answer).strip()
        if written in labels:
            return labels.index(written)
        known = [normalised(text) for text in texts]
        if isinstance(answer, str) and normalised(written) in known:
            return known.index(normalised(written))
        if written.isascii() and written.isdecimal() and len(written) < 3 and int(written) < len(texts):
            return int(written)
    raise ValueError(
        f"{where} holds {answer!r:.80}, which names none of the choices; write a label ({', '.join(labels)}), a number "
        f"in 0..{len(texts) - 1}, or the text of a choice"
    )
