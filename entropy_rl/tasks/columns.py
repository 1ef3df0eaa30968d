"""One row of somebody's data to a problem: which column is what, and what is wrong where."""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from entropy_rl.problem import Problem
from entropy_rl.tasks.text_task import text_key

Final = Literal["auto", "whole", "hashes", "boxed"]
FINALS = ("auto", "whole", "hashes", "boxed")
HASHES = "####"
MOST_CHARACTERS = 1_000_000  # of one value; more is damage, not a problem


@dataclasses.dataclass(frozen=True)
class Columns:
    """Where a row holds what. A dot leads into nested columns: `reward_model.ground_truth`, `prompt.0.content`.

    Attributes:
      prompt, answer: columns of the question and of its reference answer.
      id: a column whose values are unique; "" makes ids from the text of the prompt.
      solution: a column with a worked solution; "" for none.
      labels: columns kept in the metadata, for reports.
      final: where the answer column holds the answer: the "whole" of it, behind "####" ("hashes", as in GSM8K), or in
        its last "boxed" (as in MATH); "auto" finds out from all the rows.
    """

    prompt: str
    answer: str
    id: str = ""
    solution: str = ""
    labels: tuple[str, ...] = ()
    final: Final = "auto"


def problem_of(row: Mapping[str, Any], where: str, columns: Columns, name: str, final: str) -> Problem:
    """The problem that a row holds.

    Args:
      row: by column.
      where: file and line, for errors.
      columns: which column is what.
      name: of the task; ids begin with it.
      final: "whole", "hashes" or "boxed".

    Raises:
      ValueError: that names the place, the column and the remedy.
    """
    prompt = _prompt_text(_value(row, columns.prompt, where), f"{where}, column {columns.prompt!r}")
    raw = answer_text(row, where, columns)
    answer = final_part(raw, final)
    if answer is None:
        marker = HASHES if final == "hashes" else "\\boxed"
        raise ValueError(
            f"{where}, column {columns.answer!r} has no {marker}, so there is no final answer in {raw[:80]!r}; correct "
            'the row, or say where the answers are with final="whole", "hashes" or "boxed"'
        )
    key = text_key(prompt)
    if columns.id:
        key = _text(_value(row, columns.id, where), f"{where}, column {columns.id!r}")
    metadata: dict[str, Any] = {"task": name}
    if columns.solution:
        metadata["solution"] = str(_value(row, columns.solution, where))
    metadata |= {label: _plain(_value(row, label, where)) for label in columns.labels}
    return Problem(f"{name}/{key}", prompt, answer, metadata)


def answer_text(row: Mapping[str, Any], where: str, columns: Columns) -> str:
    """The answer column as it stands."""
    return _text(_value(row, columns.answer, where), f"{where}, column {columns.answer!r}")


def final_part(text: str, final: str) -> str | None:
    """The final answer in an answer column; None if it is not where `final` says."""
    if final == "hashes":
        _, found, answer = text.rpartition(HASHES)
        return answer.strip().replace(",", "") or None if found else None  # 1,234 is one number there
    return last_boxed(text) if final == "boxed" else text.strip()


def last_boxed(text: str) -> str | None:
    """What the last \\boxed{...} or \\fbox{...} of a solution holds, braces matched; None if there is none."""
    start = max(text.rfind("\\boxed"), text.rfind("\\fbox"))
    if start < 0:
        return None
    rest = text[start:].removeprefix("\\boxed").removeprefix("\\fbox")
    if rest.startswith(" "):  # `\boxed 5` of some solutions of MATH
        return rest.strip().split("$")[0].split(" ")[0].strip(".") or None
    depth = 0
    for index, character in enumerate(rest):
        depth += (character == "{") - (character == "}")
        if depth == 0:
            return rest[1:index].strip() or None if index else None
    return None


def decide_final(answers: Sequence[str], where: Sequence[str], column: str) -> str:
    """Where the answers are, if nobody said it: what most rows show, all must show.

    Raises:
      ValueError: for the first row that differs from most others.
    """
    for final in ("hashes", "boxed"):
        found = [final_part(answer, final) is not None for answer in answers]
        if sum(found) * 2 > len(found):
            if not all(found):
                marker = HASHES if final == "hashes" else "\\boxed"
                raise ValueError(
                    f"{where[found.index(False)]}, column {column!r} has no {marker}, as {sum(found)} of {len(found)} "
                    'rows have; correct the row, or say where the answers are with final="whole", "hashes" or "boxed"'
                )
            return final
    return "whole"


def _value(row: Mapping[str, Any], column: str, where: str) -> Any:
    value: Any = row
    if column in row:
        return row[column]
    for part in column.split("."):
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, (list, tuple)) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            raise ValueError(f"{where} has no column {column!r}; {_nearest(column, row)}")
    return value


def _nearest(column: str, row: Mapping[str, Any]) -> str:
    names = [str(name) for name in row]
    near = difflib.get_close_matches(column, names, n=3, cutoff=0.5)
    if near:
        return f"did you mean {' or '.join(map(repr, near))}? Name it with prompt=, answer= or id="
    return f"it has {', '.join(map(repr, names[:20])) or 'no columns'}; name one with prompt=, answer= or id="


def _prompt_text(value: Any, where: str) -> str:
    """Text, or the one message of a user in a list of chat messages."""
    if isinstance(value, (list, tuple)) and value and all(isinstance(v, Mapping) and "role" in v for v in value):
        users = [message.get("content") for message in value if message["role"] == "user"]
        if len(users) != 1:
            raise ValueError(f"{where} is a conversation with {len(users)} messages of a user; only one can be asked")
        value = users[0]
    return _text(value, where)


def _text(value: Any, where: str) -> str:
    """Text that can be read: numbers are written out, a list of answers is joined by commas."""
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, (list, tuple)) and value and not isinstance(value[0], (Mapping, list, tuple)):
        value = ", ".join(_text(part, where) for part in value)
    if isinstance(value, bool) or value is None or isinstance(value, (Mapping, list, tuple)):
        kind = "empty" if value is None else f"a {type(value).__name__}"
        raise ValueError(f"{where} is {kind}, not text or a number; correct the row or name another column")
    if isinstance(value, float) and (not math.isfinite(value)):
        raise ValueError(f"{where} is {value}; correct the row: an answer is a finite number or text")
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)  # a column of integers with a gap is read as floats
    text = str(value)
    if not text.strip():
        raise ValueError(f"{where} is blank; fill it in or take the row out")
    if len(text) > MOST_CHARACTERS:
        raise ValueError(f"{where} has {len(text)} characters; at most {MOST_CHARACTERS} are taken for a problem")
    return text.encode("utf-8", "replace").decode("utf-8")  # lone surrogates cannot be tokenized


def _plain(value: Any) -> Any:
    """A JSON value."""
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)
