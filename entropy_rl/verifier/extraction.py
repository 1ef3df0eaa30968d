"""Where the final answer of a response stands. Every search is linear in the length of the text."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

SOURCES = ("tag", "box", "hash", "phrase", "number")  # in the order in which they are asked
LONGEST = 4_000  # characters of a final answer; a longer one is not an answer
BOXES = ("\\boxed", "\\fbox")
PHRASES = ("answer is", "answer:", "answer =", "answer**:", "answer:**")
# One character of a joint: two boxes with nothing else between them are one answer in two parts.
_JOINT = re.compile(
    r"(?:[\s$,;&]|\\q?quad(?![A-Za-z])|\\[,;:!]|\\\[|\\\]|\\\(|\\\)|\\text\{,? ?(?:and|or) ?\}|\band\b|\bor\b)*"
)
_TRIES = 32  # boxes that are looked at, from the end
# Possessive throughout: no digit is read twice.
_NUMBER = re.compile(
    r"(?<![\w.,])-?+[$€£]?+\d++(?:,\d{3}+)*+(?:\.\d++)?+(?:\s?+/\s?+\d++)?+(?:\s?+\\?+%)?+(?!\w)", re.ASCII
)
_WHOLE = 200  # characters of a text that may be an answer and nothing else
_COMMAND = re.compile(
    r"\\(?:text|mathrm|mbox|textbf|begin|end)\s*+\{[^{}]*+\}|\\(?!boxed|fbox)[A-Za-z]++|\b(?:or|and|sqrt|pi|sin|cos|tan|log|ln)\b"
)
_PROSE = re.compile(r"[A-Za-z][a-z]|#|\\(?:boxed|fbox)")
_SHORT = re.compile(
    r"[A-Za-z]++\.?+|(?:-?+\\?+\$)?+-?+\d[\d.,]*+(?:\s?+[A-Za-z]++){1,3}+(?:\^\{?+\d\}?+)?+\.?+", re.ASCII
)
_HEDGE = re.compile(r"(?:not|about|nearly|almost|around)\s*+$", re.I)
_OPENED = {"(": ")", "[": "]", "{": "}"}


@dataclasses.dataclass(frozen=True, slots=True)
class Found:
    """A final answer: its text as written, and which of SOURCES it came from."""

    text: str
    source: str


def final_answer(response: str, sources: Sequence[str] = SOURCES) -> Found | None:
    """The answer that a response commits itself to, or None.

    Asked in turn, and the last place counts where there are several:
      tag: <answer> ... </answer>, and in it the last box if there is one;
      box: \\boxed{...} with balanced braces; boxes joined only by commas, "and" or "or" are one list;
      hash: the rest of a line after ####, as GSM8K writes it;
      phrase: "the answer is ...", "answer: ...", to the end of the sentence;
      number: the whole text, if it is one line of mathematics; else its last number.

    Raises:
      ValueError: if a source is unknown.
    """
    unknown = [source for source in sources if source not in SOURCES]
    if unknown:
        raise ValueError(f"unknown source {unknown[0]!r} of a final answer; choose from {', '.join(SOURCES)}")
    for source in SOURCES:
        if source in sources:
            text = _READERS[source](response)
            if text is not None and text.strip():
                return Found(text.strip(), source)
    return None


def _tag(response: str) -> str | None:
    end = response.rfind("</answer>")
    start = response.rfind("<answer>", 0, end if end >= 0 else len(response))
    if start < 0:
        return None
    inside = response[start + len("<answer>") : end if end >= 0 else len(response)]
    boxed = _box(inside)
    return inside if boxed is None else boxed


def _box(response: str) -> str | None:
    """The last box, with the boxes before it that nothing but a joint separates from it."""
    boxes: list[tuple[int, int, str]] = []  # start, end, content; the last one first
    before = len(response)
    for _ in range(_TRIES):
        start = max(response.rfind(command, 0, before) for command in BOXES)
        if start < 0:
            break
        opening, before = _opening(response, start), start
        if opening is None and not boxes:
            continue  # a box is only spoken of
        end = None if opening is None else _group_end(response, opening)
        if end is None and not boxes:
            return response[start : start + LONGEST]  # it does not close: nothing before it is the final answer
        if opening is None or end is None or boxes and not _JOINT.fullmatch(response, end, boxes[-1][0]):
            break
        content = response[opening + 1 : end - 1]
        if not content.strip() and not boxes:
            continue
        boxes.append((start, end, content))
    if not boxes:
        return None
    contents = [content for _, _, content in reversed(boxes)]
    return _innermost(contents[0]) if len(contents) == 1 else ", ".join(map(_innermost, contents))


def _innermost(content: str) -> str:
    """A box that holds nothing but a box is that box."""
    for _ in range(4):
        inner = content.strip()
        opening = _opening(inner, 0) if inner.startswith(BOXES) else None
        if opening is None or _group_end(inner, opening) != len(inner):
            break
        content = inner[opening + 1 : -1]
    return content


def _opening(text: str, start: int) -> int | None:
    """The brace behind a command, if it has one."""
    opening = start + (6 if text.startswith("\\boxed", start) else 5)
    while opening < len(text) and text[opening] in " \n\t":
        opening += 1
    return opening if text[opening : opening + 1] == "{" else None


def _group_end(text: str, opening: int) -> int | None:
    """Behind the brace that closes the one at `opening`; None if there is none within LONGEST + 100 characters."""
    depth, position = 0, opening
    limit = min(len(text), opening + LONGEST + 100)
    while position < limit:
        character = text[position]
        if character == "\\":
            position += 1  # an escaped brace counts for nothing
        elif character == "{":
            depth += 1
        elif character == "}":
            depth -= 1
            if depth == 0:
                return position + 1
        position += 1
    return None


def _hash(response: str) -> str | None:
    start = response.rfind("####")
    return None if start < 0 else response[start + 4 :].lstrip(" #").split("\n", 1)[0][: LONGEST + 1]


def _phrase(response: str) -> str | None:
    """What follows the last "answer is" of the last part of the text, to the end of its sentence."""
    tail = response[-8 * LONGEST :]
    lowered = tail.lower()
    if len(lowered) != len(tail):  # a few letters have a longer lower case
        lowered = tail
    start, phrase = max((lowered.rfind(phrase), phrase) for phrase in PHRASES)
    if start < 0:
        return None
    rest = tail[start + len(phrase) :].lstrip(" :*\n\t")[: LONGEST + 1]
    sentence = _sentence(rest)
    parts = sentence.split("$")
    if len(parts) == 3 and not any(map(str.isdigit, parts[0] + parts[2])):
        return parts[1]  # one formula in a sentence of words
    head, verb, value = sentence.rpartition(" is ")
    return value if verb and head.count("$") % 2 == 0 and any(map(str.isdigit, value)) else sentence


def _sentence(text: str) -> str:
    """Up to the end of the line, or a full stop that is no decimal point and stands in no bracket."""
    depth: list[str] = []
    for position, character in enumerate(text):
        if character in _OPENED:
            depth.append(_OPENED[character])
        elif depth and character == depth[-1]:
            depth.pop()
        elif character == "\n" or (
            not depth and character in ".!?" and text[position + 1 : position + 2] in ("", " ", "\n", "*", "$")
        ):
            if character == "!" and text[position - 1 : position].isalnum():
                continue  # a factorial
            return text[:position].strip(" *")
    return text.strip(" *")


def _number(response: str) -> str | None:
    """The last number, if it stands alone: the 2 of 5\\sqrt{2}, x^2 or 3 + 2 is no answer."""
    whole = response.strip()
    is_line = len(whole) <= _WHOLE and "\n" not in whole
    if is_line and (_SHORT.fullmatch(whole) or not _PROSE.search(_COMMAND.sub(" ", whole))):
        return whole
    tail, last = response[-8 * LONGEST :], None
    for match in _NUMBER.finditer(tail):
        last = match
    if last is None:
        return None
    if _HEDGE.search(tail[max(last.start() - 20, 0) : last.start()]):
        return None
    before, after = tail[: last.start()].rstrip(" "), tail[last.end() :].lstrip(" ")
    if before[-1:] and before[-1:] in "+-*/^_{[(\\|√×÷<>" or after[:1] and after[:1] in "+-*/^_}])!=\\|√×÷<>{[(°²³":
        return None
    return last.group()


_READERS = {"tag": _tag, "box": _box, "hash": _hash, "phrase": _phrase, "number": _number}
