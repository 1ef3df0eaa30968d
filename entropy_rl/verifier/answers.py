"""An answer as it was read: a choice, words, or values with units."""

from __future__ import annotations

import dataclasses
import functools
import math
import re
from collections.abc import Sequence
from fractions import Fraction

from entropy_rl.verifier import quantities, vocabulary
from entropy_rl.verifier.canonical import canonical
from entropy_rl.verifier.characters import clean, printable
from entropy_rl.verifier.equivalence import difference
from entropy_rl.verifier.exact import NotExact, rational
from entropy_rl.verifier.grammar import parse
from entropy_rl.verifier.lexer import Token, tokens
from entropy_rl.verifier.nodes import (
    ITEMS,
    Call,
    Constant,
    Group,
    Node,
    Number,
    Relation,
    Symbol,
    TooLarge,
    Undefined,
    Unparsable,
    substituted,
    symbols,
)
from entropy_rl.verifier.quantities import Unit
from entropy_rl.verifier.scalars import Scalars

_WRAPPED = re.compile(r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mbox|textsf|operatorname)\s*+\{([^{}]*+)\}")
_CHOICE = re.compile(
    r"(?:(?:option|choice|answer)s?\s++)?+\(?([A-Ja-j])(?:\)|(?<=[A-J])[.:)](?:\s|$)|(?<=[A-J])$|$)(.*+)", re.I
)
_LETTERS = re.compile(r"\(?[A-J]\)?(?:(?:\s*+,\s*+|\s++and\s++|\s*+,\s*+and\s++|\s*+)\(?[A-J]\)?)*+")
_SPACES = re.compile(r"(?<![A-Za-z0-9.,]) ++| ++(?![A-Za-z0-9.])")  # "1, 234" is not "1,234"
_VARIABLES = frozenset("abcdefghij")  # a small letter alone is no choice, but it may name one: "b" for "B"
_TIME = re.compile(r"\d?\d:[0-5]\d(?::[0-5]\d)?+", re.ASCII)  # as a ratio 12:00 would be 1:00
_APPROXIMATELY = ("approx", "approxeq", "simeq", "sim")
_BETWEEN_DIGITS = re.compile(r"(?<=\d)[^a-z0-9]++(?=\d)")  # "team 3.5" is not "team 35"
_ARTICLE = re.compile(r"^ *+(?:an?|the) ++(?=[a-z]{3})")
_UNSPOKEN = re.compile(r"(?!-\d|(?<=\d)\.(?=\d))[\W_]")
_OTHERS = re.compile(r"(?<![A-Za-z])\(?[A-J][).:]|^\s*+(?:or|and|,|/|&)")  # "A) or B)" chooses nothing
_QUIET = frozenset(("word", "symbol", "constant", "joint", ",", "-", "number", "function", "!", ":", ";"))
_OPENING, _CLOSING = frozenset("([") | {"\\{", "{"}, frozenset(")]") | {"\\}", "}"}


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """What was read of one answer.

    Attributes:
      text: cleaned.
      choice: its letters, if it can be a multiple choice.
      words: its normal form, if it is no mathematics.
      value: what it says, if it could be read; a list if it is several answers.
      units: one per item of a list, or one.
      canonical: one text for equal answers.
      reason: why it could not be read.
      domain: the name of a parameter, and the set that it runs through: "k" and "ZZ".
      has_symbols: variables occur in it.
    """

    text: str
    choice: str = ""
    words: str = ""
    value: Node | None = None
    units: tuple[Unit, ...] = ()
    canonical: str = ""
    reason: str = ""
    has_symbols: bool = False
    domain: tuple[str, str] = ("", "")


def compact(text: str) -> str:
    """Without spaces, but for those between letters or digits."""
    return _SPACES.sub("", _WRAPPED.sub(r"\1", text)).strip()


def read_reference(text: str) -> Answer:
    """A reference in every way in which it can be read; never raises for any text."""
    try:
        text = as_maths(clean(text))
        letters = choice(text, many=True) if text[:2].strip("(") not in _VARIABLES else ""
        plain = words(text) if is_text(text) else ""
    except (TooLarge, Unparsable) as error:
        return Answer(text[:4000], reason=str(error), canonical=printable(text))
    if plain:
        return Answer(text, letters, plain, canonical=letters or plain)
    if letters:
        return Answer(text, letters, canonical=letters)
    try:
        return read(text)
    except (TooLarge, Undefined, Unparsable) as error:
        return Answer(text, letters, reason=str(error), canonical=printable(text))


def read(text: str, letters: bool = False) -> Answer:
    """A cleaned text as values with units.

    Args:
      letters: a single letter behind a number is a unit.

    Raises:
      Unparsable, TooLarge: if it cannot be read.
    """
    found = _exact_part(_with_numerals(tokens(text)))
    parts, joint = _split(found)
    if len(parts) > ITEMS:
        raise TooLarge(f"more than {ITEMS} answers")
    if nested := _assignments(found):
        return Answer(text, value=nested, units=(Unit(),), canonical=printable(canonical(nested)), has_symbols=True)
    items, units = [], []
    for part in parts:
        body, unit = quantities.split(part, letters)
        items.append(_scaled(parse(body), unit.scale))
        units.append(dataclasses.replace(unit, scale=1))
    items, units, domain = _without_domains(items, units)
    value = items[0] if len(items) == 1 else Group("list", tuple(items), joint)
    shown = canonical(value) + (units[0].shown if len(units) == 1 else "")
    return Answer(
        text,
        value=value,
        units=tuple(units),
        canonical=printable(shown),
        has_symbols=bool(symbols(value)),
        domain=domain,
    )


def _assignments(found: Sequence[Token]) -> Group | None:
    """p = 5, q = 2; p = 7, q = 2: a list of lists of equations."""
    parts, _ = _split(found, ";")
    inner = [_split(part)[0] for part in parts]
    if len(parts) < 2 or min(map(len, inner)) < 2 or len(parts) * max(map(len, inner)) > ITEMS:
        return None
    if not all(any(token.kind == "relation" for token in each) for part in inner for each in part):
        return None
    lists = [Group("list", tuple(map(parse, part))) for part in inner]
    return Group("list", tuple(lists))


def _without_domains(items: list[Node], units: list[Unit]) -> tuple[list[Node], list[Unit], tuple[str, str]]:
    """Values without "x in R", which says nothing, and without what a parameter of theirs runs through."""
    kept = [place for place, item in enumerate(items) if not _domain(item)]
    removed = [domain for domain in map(_domain, items) if domain]
    names = {name for name, _ in removed}
    used = set().union(*(symbols(items[place]) for place in kept)) if kept else set()
    if not kept or not removed or len(names) > 1 or not names <= used:
        return items, units, ("", "")
    name, field = removed[0]
    if field != "reals" and any(
        isinstance(each, Relation) and set(each.signs) != {"="} for each in items if not _domain(each)
    ):
        return items, units, ("", "")  # x < 2 among whole numbers is another set
    domain = ("", "") if field == "reals" else (name, field)
    return [items[place] for place in kept], [units[place] for place in kept], domain


def _renamed(answer: Answer, domain: tuple[str, str]) -> Node | None:
    """The value with the parameter's name of another answer: n pi, where n runs through Z, as k pi."""
    (old, field), (new, other), value = answer.domain, domain, answer.value
    if value is None or old == new or not old or field != other or new in symbols(value):
        return value
    try:
        if isinstance(value, Relation):
            sides = (substituted(side, old, Symbol(new)) for side in value.sides)
            return Relation(value.signs, tuple(sides))
        return substituted(value, old, Symbol(new))
    except Unparsable:
        return value


def _domain(node: Node) -> tuple[str, str] | None:
    if (
        isinstance(node, Relation)
        and node.signs == ("in",)
        and all(isinstance(side, (Symbol, Constant)) for side in node.sides)
    ):
        name, field = (side.name for side in node.sides if isinstance(side, (Symbol, Constant)))
        return (name, field) if field in ("reals", "ZZ") else None
    return None


def _is_time(text: str) -> bool:
    """Whether it is a time and no ratio, which would stand in its lowest terms: 10:30, but not 7:32."""
    if not _TIME.fullmatch(text):
        return False
    return text.count(":") == 2 or math.gcd(*map(int, text.split(":"))) != 1


def _scaled(node: Node, scale: int | Fraction) -> Node:
    return node if scale == 1 else Call("mul", (node, Number(Fraction(scale))))


def _exact_part(found: list[Token]) -> list[Token]:
    """What stands before an approximation: "1/3 = 0.333" with a wavy sign is 1/3, and "x" with one is what follows."""
    places = [place for place, token in enumerate(found) if token.kind == "command" and token.text in _APPROXIMATELY]
    if not places:
        return found
    before = found[: places[0]]
    if not before or len(before) == 1 and before[0].kind == "symbol" and len(places) == 1:
        return found[places[0] + 1 :]
    return before


def _split(found: Sequence[Token], marks: str = ",;") -> tuple[list[list[Token]], str]:
    """The answers of a list: what commas, "and" and "or" separate outside all brackets."""
    parts: list[list[Token]] = [[]]
    depth, joint = 0, ","
    for token in found:
        kind = token.text if token.kind == "command" and token.text in "{}" else token.kind
        depth += (kind in _OPENING or kind == "begin") - (kind in _CLOSING or kind == "end")
        if depth == 0 and (kind in tuple(marks) or kind == "joint"):
            joint = token.text if kind == "joint" else joint
            if parts[-1]:
                parts.append([])
        else:
            parts[-1].append(token)
    return [part for part in parts if part] or [[]], joint


def _with_numerals(found: list[Token]) -> list[Token]:
    """ "five" alone, or before its unit, is 5."""
    if found and found[0].kind == "word" and found[0].text.lower() in vocabulary.NUMERALS:
        return [Token("number", str(vocabulary.NUMERALS[found[0].text.lower()])), *found[1:]]
    return found


def compare(reference: Answer, response: Answer, scalars: Scalars) -> str:
    """Nothing if they are equal, else why not.

    Raises:
      see equivalence.difference.
    """
    ours, theirs = reference.value, _renamed(response, reference.domain)
    if ours is None or theirs is None:
        return "one of them has no value"
    if _is_time(reference.text) and not (
        _TIME.fullmatch(response.text) and reference.text.lstrip("0") == response.text
    ):
        return "another time"
    if _TIME.fullmatch(reference.text) and _TIME.fullmatch(response.text):
        return "" if reference.text.lstrip("0") == response.text.lstrip("0") else "another time"
    if len(reference.units) == len(response.units) == 1:
        return _measured(ours, reference.units[0], theirs, response.units[0], scalars)
    united = {unit for unit in (*reference.units, *response.units) if unit.words}
    if not united or (len(united) == 1 and united == set(reference.units) & set(response.units)):
        return difference(ours, theirs, scalars)
    if len(reference.units) != len(response.units) or not (isinstance(ours, Group) and isinstance(theirs, Group)):
        return "a different number of answers"
    left = list(zip(theirs.items, response.units, strict=True))
    for item, unit in zip(ours.items, reference.units, strict=True):
        place = next((at for at, (node, its) in enumerate(left) if not _measured(item, unit, node, its, scalars)), None)
        if place is None:
            return "not the same answers"
        del left[place]
    return ""


def _measured(ours: Node, unit: Unit, theirs: Node, its: Unit, scalars: Scalars) -> str:
    """One value with its unit against another."""
    if unit == its:
        return difference(ours, theirs, scalars)
    factors = quantities.factors(unit, its)
    if not factors:
        return f"another unit: {' '.join(its.words)}, not {' '.join(unit.words)}"
    if its.words == ("percent",) and not unit.words and not _above_one(ours):
        factors = factors[1:]  # 0.5 is not 0.5 %
    why = ""
    for factor in factors:
        why = difference(ours, _scaled(theirs, factor), scalars)
        if not why:
            return ""
    if isinstance(ours, (Group, Relation)) or isinstance(theirs, (Group, Relation)):
        return why
    if its.words == ("degree",) and not unit.words:
        return difference(ours, Call("degree", (theirs,)), scalars)
    if unit.words == ("degree",) and not its.words:
        return difference(Call("degree", (ours,)), theirs, scalars)
    return why


def _above_one(node: Node) -> bool:
    try:
        return abs(rational(node)) > 1
    except (NotExact, TooLarge, Undefined):
        return False


def as_maths(text: str) -> str:
    """A cleaned text; "no solution" and its like as LaTeX."""
    return vocabulary.WRITTEN.get(words(text), text) if len(text) < 60 else text


def is_text(text: str) -> bool:
    """Whether a cleaned text is words and not mathematics.

    Raises:
      Unparsable, TooLarge: if it has characters or a length that no text has.
    """
    found = tokens(text)
    has_words = any(token.kind == "word" for token in found)
    if not has_words or found[0].text in quantities.CURRENCIES or not all(token.kind in _QUIET for token in found):
        return False
    if found[0].kind == "word" and found[0].text.lower() in vocabulary.NUMERALS:
        return False
    numbers = sum(token.kind in ("number", "function") for token in found)
    return found[0].kind == "word" if numbers else True


def words(text: str) -> str:
    """The letters and digits of a text, in small letters, with one name for synonyms."""
    lowered = _ARTICLE.sub("", _BETWEEN_DIGITS.sub(".", _WRAPPED.sub(r"\1", text).lower()))
    plain = _UNSPOKEN.sub("", lowered)
    return vocabulary.SYNONYMS.get(plain, plain)


@functools.lru_cache(maxsize=4096)
def choice(text: str, many: bool = False) -> str:
    """The letters that a text chooses: "(B)", "B.", "B) 42", "Option B"; with `many` also "A, C" and "ACD"."""
    plain = _WRAPPED.sub(r"\1", text).strip(" .*")
    if len(plain) > 200:
        return ""
    if many and len(plain) > 1 and _LETTERS.fullmatch(plain):
        letters = [each for each in plain if each.isupper()]
        if len(set(letters)) == len(letters):
            return "".join(sorted(letters))
    match = _CHOICE.fullmatch(plain)
    if len(plain) == 3 and plain[0] == "[" and plain[2] == "]" and plain[1] in "ABCDEFGHIJ":
        return plain[1]
    return match[1].upper() if match and not _OTHERS.search(match[2]) else ""
