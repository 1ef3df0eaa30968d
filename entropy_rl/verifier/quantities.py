"""Numbers with something behind them: units, per cent, currency, counted things."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from fractions import Fraction

from entropy_rl.verifier import vocabulary
from entropy_rl.verifier.lexer import Token
from entropy_rl.verifier.nodes import Unparsable

MOST_WORDS = 5
CURRENCIES = ("$", "€", "£")
_POWERS = {"square": 2, "sq": 2, "cubic": 3, "cu": 3}


@dataclasses.dataclass(frozen=True, slots=True)
class Unit:
    """What stands behind a number.

    Attributes:
      words: its words, in a normal form; empty for none.
      power: of a unit of length, cm^2 has 2.
      scale: what the number is multiplied by: "5 million" has 10 ** 6.
    """

    words: tuple[str, ...] = ()
    power: int = 1
    scale: int = 1

    @property
    def shown(self) -> str:
        """Behind a number in a normal form."""
        return "".join(f" {word}" for word in self.words) + (f"^{self.power}" if self.power > 1 else "")

    @property
    def known(self) -> tuple[int, Fraction] | None:
        """Family and factor of a unit of the vocabulary."""
        name = " ".join(self.words)
        if name not in vocabulary.UNITS:
            return None
        family, factor = vocabulary.UNITS[name]
        return family, Fraction(*factor) if isinstance(factor, tuple) else Fraction(factor)


def split(tokens: Sequence[Token], letters: bool = False) -> tuple[list[Token], Unit]:
    """A number or expression, and the unit behind it.

    Args:
      letters: a single letter behind a space is a unit too ("5 m"); only sensible where no variable is expected.

    Raises:
      Unparsable: if the words change what the number means ("5 or more", "about 5").
    """
    body, power = list(tokens), 1
    if any(token.kind == "function" and token.text != "min" for token in body) and body[-1].text == "degree":
        return body, Unit()  # the degrees of an angle
    if len(body) > 3 and body[-2].kind == "/" and body[-3].kind == "word" and body[-1].kind == "symbol":
        body[-1] = Token("word", body[-1].text)
    if len(body) > 2 and body[-2].kind == "^" and body[-1].text in "23" and _is_word(body[-3]):
        power = int(body[-1].text)
        del body[-2:]
    elif len(body) > 4 and [each.kind for each in body[-4:]] == ["^", "{", "number", "}"] and _is_word(body[-5]):
        if body[-2].text not in "23":
            return list(tokens), Unit()
        power = int(body[-2].text)
        del body[-4:]
    behind = body[-2].kind if len(body) > 1 else ""
    if letters and body[-1:] and body[-1].kind == "symbol" and body[-1].text in vocabulary.LETTERS and body[-1].spaced:
        body[-1] = Token("word", body[-1].text) if behind in ("number", "mixed", "}") else body[-1]
    words: list[str] = []
    if len(body) > 1 and body[0].kind == "word" and body[0].text in CURRENCIES:
        words.append(body.pop(0).text)
    elif len(body) > 2 and body[0].kind == "-" and body[1].text in CURRENCIES:
        words.append(body.pop(1).text)
    while len(body) > 1 and len(words) <= MOST_WORDS and _is_word(body[-1]):
        words.insert(0, body.pop().text)
        if len(body) > 2 and body[-1].kind == "/" and body[-2].kind == "word":  # km / h
            words[0] = f"{_singular(body[-2].text)}/{_singular(words[0])}"
            del body[-2:]
    if not words or (len(body) == 1 and body[0].kind in ("+", "-")):
        return list(tokens), Unit()
    return body, _unit(words, power)


def _is_word(token: Token) -> bool:
    if token.kind == "word" or (token.kind == "function" and token.text == "min"):
        return True
    return token.kind == "%" or (token.kind == "command" and token.text == "degree")


def _unit(words: list[str], power: int) -> Unit:
    scale = 1
    names = [_singular(word) for word in words]
    while names and names[0] in vocabulary.SCALES:
        scale *= vocabulary.SCALES[names.pop(0)]
    if "per" in names and len(names) == 3:
        names = ["/".join((names[0], names[2]))]
    elif names[:1] and names[0] in _POWERS and power == 1:
        power = _POWERS[names.pop(0)]
    elif names[1:] and names[-1] in ("squared", "cubed") and power == 1:
        power = 2 if names.pop() == "squared" else 3
    joined = " ".join(names)
    names = vocabulary.ALIASES.get(joined, joined).split()
    if not vocabulary.MEANINGFUL.isdisjoint(names) or len(names) > MOST_WORDS:
        raise Unparsable(f"words that change the number: {' '.join(words)[:60]!a}")
    if names[-1:] == ["degree"] and len(names) == 1:
        power = 1
    return Unit(tuple(names), power, scale)


def _singular(word: str) -> str:
    word = {"degree": "degree", "°": "degree", "percentage": "percent"}.get(word, word)
    if word in vocabulary.UNITS or word in vocabulary.ALIASES:
        return vocabulary.ALIASES.get(word, word)
    lowered = word.lower()
    if lowered in vocabulary.SCALES or lowered.removesuffix("s") in vocabulary.SCALES:
        return lowered.removesuffix("s")
    stem = lowered.removesuffix("s") if len(lowered) > 3 and not lowered.endswith("ss") else lowered
    return vocabulary.ALIASES.get(lowered, vocabulary.ALIASES.get(stem, stem))


def factors(reference: Unit, response: Unit) -> list[Fraction]:
    """By what the response's number may be multiplied to be compared with the reference's; none if units disagree.

    A unit that one of the two leaves out is taken as the other's. Per cent may also mean hundredths.
    """
    scale = Fraction(response.scale, reference.scale)
    if response.words == reference.words and response.power == reference.power:
        return [scale]
    if not response.words or not reference.words:
        left_out = response.words or reference.words
        if left_out.count("percent") > 1:
            return []
        if left_out == ("percent",):
            return [scale, scale / 100] if response.words else [scale, scale * 100]
        return [scale]
    if ("percent",) in (response.words, reference.words):
        return []
    ours, theirs = reference.known, response.known
    if ours and theirs:
        if ours[0] != theirs[0] or reference.power != response.power:
            return []
        return [scale * (theirs[1] / ours[1]) ** response.power]
    if ours or theirs or reference.power != response.power:
        return []
    shared = set(reference.words) & set(response.words)
    return [scale] if shared in (set(reference.words), set(response.words)) else []
