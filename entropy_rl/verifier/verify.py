"""One response against one reference answer: what is read, how it is read, and the verdict."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from fractions import Fraction

from entropy_rl.problem import Verdict
from entropy_rl.verifier import answers
from entropy_rl.verifier.answers import Answer
from entropy_rl.verifier.characters import clean, printable
from entropy_rl.verifier.extraction import SOURCES, final_answer
from entropy_rl.verifier.nodes import TooLarge, Undefined, Unparsable
from entropy_rl.verifier.numeric import Inconclusive
from entropy_rl.verifier.scalars import Scalars, Undecidable

ACCURACY = "accuracy"
OUTCOMES = ("no_answer", "unparsable", "too_large")  # why an answer was not compared; components, each 0 or 1
# What most answers are; possessive, and short enough for exact arithmetic at once.
_PLAIN = re.compile(r"\$?+(-?+(?:\d{1,3}+(?:,\d{3}){1,9}+|\d{1,30}+))(?:/(\d{1,30}+)|\.(\d{1,30}+))?+\$?+", re.ASCII)
_PLAIN_FRACTION = re.compile(r"(-?+)\\[dt]?+frac\{(\d{1,30}+)\}\{(\d{1,30}+)\}", re.ASCII)


def verify_answer(reference: str, response: str, *, sources: Sequence[str] = SOURCES, rounding: bool = True) -> Verdict:
    """Judges the final answer of a response.

    Rules, in this order:
      * Equal texts are equal answers, up to spaces and LaTeX's ways of spelling the same.
      * Rational numbers are compared exactly: 0.5 = 1/2 = 2/4, but 0.333 is not 1/3. A decimal reference of at least
        four digits, three of them behind the point, also stands for what rounds to it (`rounding`).
      * A unit, currency or per-cent sign that one of the two leaves out is taken as the other's; different ones must
        convert exactly.
      * Lists and sets are equal in any order; tuples, intervals and matrices entry by entry; equations and
        inequalities up to a factor; "x = 5" stands for 5.
      * Expressions are equal if they are wherever the reference is defined, over the real numbers unless i occurs.
      * A name stands for its value: x = 5, AB = 4, |AB| = 4, AB : CD = 1 : 2, P(A) = 1/2; a reference a : b also for a
        fraction. Roots x_1 = 2, x_2 = 3 are x = 2 or x = 3. y = ... and f(x) = ... define the same function.
      * 7 (mod 12) stands for 7, but not for 7 (mod 10); "k in Z" beside a value may be left out, and k be named n.
      * Sums and products over at most 100 numbers are worked out; integrals, infinite sums and decimal commas are not.
      * Other texts are equal word by word; a letter A to J may be a choice.

    What is too large to be worked out, or not in the grammar, is wrong: a policy must not gain by it. Only if that is
    the reference's fault is the verdict undecided. Limits count characters, operations and digits, never time, so
    that the verdict is the same on every machine.

    Args:
      reference: the right answer: as text or LaTeX, or with a box or #### in it.
      response: what the policy wrote; any text at all.
      sources: where a final answer may stand, see extraction.SOURCES.

    Returns:
      score 1 or 0; components `accuracy` (absent if undecided) and OUTCOMES; reason: why it is wrong; answer: a text
      that equal answers share.
    """
    found = final_answer(response, sources)
    if found is None:
        return _wrong("no final answer was found", "", "no_answer")
    truth = _reference(reference)
    if (quick := _quick(truth.text, found.text)) is not None:
        right, answer = quick
        return _right(answer) if right else _wrong(f"{answer} is not {truth.canonical}", answer)
    try:
        text = answers.as_maths(clean(found.text))
    except TooLarge as error:
        return _wrong(str(error), "", "too_large")
    shown = printable(text)
    if answers.compact(text) == answers.compact(truth.text):
        return _right(truth.canonical)
    try:
        why, answer = _judged(truth, text, rounding)
    except Undecidable as error:
        return Verdict(0.0, dict.fromkeys(OUTCOMES, 0.0), str(error), shown, undecided=True)
    except TooLarge as error:
        return _wrong(f"the answer {shown} is too large: {error}", shown, "too_large")
    except (Undefined, Inconclusive) as error:
        return _wrong(f"the answer {shown} has no value that can be compared: {error}", shown, "unparsable")
    except Unparsable as error:
        return _wrong(f"the answer {shown} could not be read: {error}", shown, "unparsable")
    return (
        _wrong(f"the answer {shown} is not {printable(truth.text)}: {why}", answer) if why else _right(truth.canonical)
    )


def quick_verdict(reference: str, response: str, sources: Sequence[str] = SOURCES) -> Verdict | None:
    """The verdict of `verify_answer` if both answers are plain numbers or there is no answer; else None."""
    found = final_answer(response, sources)
    if found is None:
        return _wrong("no final answer was found", "", "no_answer")
    truth = final_answer(reference, ("box", "hash"))
    quick = _quick(truth.text if truth else reference.strip(), found.text)
    if quick is None:
        return None
    return _right(quick[1]) if quick[0] else _wrong(f"{quick[1]} is not {printable(reference)}", quick[1])


def exact_verdict(reference: str, response: str, sources: Sequence[str] = SOURCES) -> Verdict:
    """Judges by plain numbers and equal texts alone; its cost is linear in the length of the texts."""
    found = final_answer(response, sources)
    if found is None:
        return _wrong("no final answer was found", "", "no_answer")
    try:
        truth, given = _cleaned(reference), clean(found.text)
    except TooLarge as error:
        return _wrong(str(error), "", "too_large")
    numbers = _plain(truth), _plain(given)
    same_text = answers.compact(truth) == answers.compact(given)
    right = same_text if None in numbers else numbers[0] == numbers[1]
    shown = str(numbers[1]) if numbers[1] is not None else printable(given)
    return _right(shown) if right else _wrong(f"the answer {shown} is not {printable(truth)}", shown)


@functools.lru_cache(maxsize=8192)
def _cleaned(reference: str) -> str:
    found = final_answer(reference, ("box", "hash"))
    return clean(found.text if found else reference.strip())


def canonical_answer(response: str, *, sources: Sequence[str] = SOURCES) -> str:
    """The final answer of a response in the form that verdicts give it; "" if there is none."""
    found = final_answer(response, sources)
    return "" if found is None else answers.read_reference(found.text).canonical


@functools.lru_cache(maxsize=8192)
def _reference(reference: str) -> Answer:
    found = final_answer(reference, ("box", "hash"))
    return answers.read_reference(found.text if found else reference.strip())


def _judged(truth: Answer, text: str, rounding: bool) -> tuple[str, str]:
    """Why a response is wrong ("" if it is right), and its normal form."""
    if truth.choice:
        letters = answers.choice(text, len(truth.choice) > 1)
        if letters:
            return ("" if letters == truth.choice else "another choice"), letters
        if not truth.value:
            return "no choice", printable(text)
    if truth.words:
        given = answers.words(text)
        return ("" if given == truth.words else "another text"), given
    if truth.value is None:
        raise Undecidable(f"the reference {printable(truth.text)} could not be read: {truth.reason}")
    given = answers.read(text, letters=not truth.has_symbols)
    return answers.compare(truth, given, Scalars(rounding)), given.canonical


def _quick(reference: str, response: str) -> tuple[bool, str] | None:
    """Two integers, fractions or decimals in the simplest spelling: right or not, and the response's value."""
    ours, theirs = _plain(reference), _plain(response)
    if ours is None or theirs is None or (ours != theirs and "." in reference):
        return None  # a decimal reference may have been rounded
    return ours == theirs, str(theirs)


def _plain(text: str) -> Fraction | None:
    match = _PLAIN.fullmatch(text)
    if match:
        whole, below, decimals = match.groups()
        whole = whole.replace(",", "")
        if decimals:
            return Fraction(int(whole + decimals), 10 ** len(decimals))
        return Fraction(int(whole), int(below or 1)) if below is None or int(below) else None
    match = _PLAIN_FRACTION.fullmatch(text)
    if match and int(match[3]):
        return Fraction(int(match[1] + match[2]), int(match[3]))
    return None


def _right(answer: str) -> Verdict:
    return Verdict(1.0, {ACCURACY: 1.0, **dict.fromkeys(OUTCOMES, 0.0)}, answer=answer)


def _wrong(reason: str, answer: str, outcome: str = "") -> Verdict:
    components = {ACCURACY: 0.0, **{name: float(name == outcome) for name in OUTCOMES}}
    return Verdict(0.0, components, reason[:600], answer[:200])
