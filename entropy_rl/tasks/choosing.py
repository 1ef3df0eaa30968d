"""Which of several lettered choices a response commits itself to. Text is data: searched in linear time, never run."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence

from entropy_rl.problem import Verdict
from entropy_rl.tasks.text_task import normalised

_SOURCES = ("tag", "box", "hash", "phrase")  # see verifier.extraction; a number is no choice
_LONGEST = 2_000  # characters of an answer; a longer one commits itself to nothing
_TAIL = 4_000  # characters at the end of a response where an unmarked answer is looked for
_WRAPPED = re.compile(r"\\(?:text|textbf|mathrm|mathbf|rm)\s*\{([^{}]*)\}")
_LEAD = re.compile(r"(?:the )?(?:option|choice|letter)\s+(?=\W?[A-Za-z]\b)", re.IGNORECASE)
# A letter alone, or parted from what follows: "A tree" begins with an article, "A. tree" and "(A) tree" with a letter.
_LETTER = re.compile(r"[(\[]?([A-Za-z])(?:[)\]]?[.:,;)\]-]+|(?=\s+(?:because|since|as|is)\b)|(?=\Z))\s*")


def verify(letter: str, choices: Sequence[str], response: str) -> Verdict:
    """Judges a response by its final answer: tagged, boxed, announced ("the answer is"), or its last line.

    Args:
      letter: of the right choice.
      choices: texts of the choices A, B, C, ...

    Returns:
      score 1 if it names this choice, by letter or in full, and no other; else 0. Components: the raw `accuracy`, which
      is the score, and `format`, 1 if it names exactly one choice. `answer` is the letter of that choice.
    """
    chosen, complaint = _chosen(choices, _final(response))
    if not complaint and chosen != letter:
        complaint = f"{chosen} ({choices[ord(chosen) - ord('A')]:.40}) is not the right choice"
    accuracy = 0.0 if complaint else 1.0
    components = {"accuracy": accuracy, "format": float(bool(chosen))}
    return Verdict(accuracy, components, complaint or "correct", chosen)


def _final(response: str) -> str:
    from entropy_rl.verifier import final_answer  # the package brings sympy: only who judges pays for it

    found = final_answer(response, _SOURCES)
    if found is not None:
        return found.text[: _LONGEST + 1]
    lines = response[-_TAIL:].strip().splitlines()
    return lines[-1] if lines else ""


def _chosen(choices: Sequence[str], answer: str) -> tuple[str, str]:
    """The letter that an answer names, or "" and why there is none."""
    if len(answer) > _LONGEST:
        return "", f"the final answer has more than {_LONGEST} characters; name one choice"
    letters = string.ascii_uppercase[: len(choices)]
    texts = [_plain(choice) for choice in choices]
    answer = _WRAPPED.sub(r"\1", answer).strip(" \t\n$*`\"'.,;")
    if _plain(answer) in texts:
        return letters[texts.index(_plain(answer))], ""
    answer = _LEAD.sub("", answer, count=1).strip(" *")
    match = _LETTER.match(answer)
    if match is None or match[1].upper() not in letters:
        return "", f"no choice is named; answer with one of {', '.join(letters)}"
    letter, rest = match[1].upper(), answer[match.end() :].strip(" *")
    if not rest or _plain(rest) == texts[letters.index(letter)]:
        return letter, ""
    others = [other for other in letters if other != letter and _names(rest, other, texts[letters.index(other)])]
    return ("", f"{', '.join([letter, *others])} are named; commit to one choice") if others else (letter, "")


def _names(rest: str, letter: str, text: str) -> bool:
    """Whether what follows a letter names another choice as well."""
    alone = re.search(rf"(?<![A-Za-z'])(?:{letter}|[(\[]{letter.lower()}[)\]])(?![A-Za-z'])", rest)
    words = lambda words: " ".join(re.findall(r"\w+", normalised(words)))  # noqa: E731
    return bool(alone) or f" {words(text)} " in f" {words(rest)} "


def _plain(text: str) -> str:
    """A text without case, width, outer punctuation and inner runs of white space."""
    return normalised(text).strip(" .,;:!?\"'`*$()[]")
