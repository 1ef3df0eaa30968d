"""Text to tokens, in one pass that reads each character once."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator

from entropy_rl.verifier import vocabulary
from entropy_rl.verifier.nodes import DIGITS, TOKENS, TooLarge, Unparsable


@dataclasses.dataclass(frozen=True, slots=True)
class Token:
    """A piece of an answer.

    Attributes:
      kind: "number", "mixed", "repeating", "symbol", "constant", "function", "command", "relation", "word", "joint"
        (and, or), or the character itself for + - * / ^ _ ( ) [ ] { } | ! , ; : % & and "\\\\" for a new row.
      text: the name or digits; for brackets what was written.
      spaced: a space stood before it.
    """

    kind: str
    text: str
    spaced: bool = False


# Possessive throughout: no character is read twice.
_TOKEN = re.compile(
    r"""
    (?P<space>[ ]++)
  | (?P<text>\\(?:text|textbf|textit|textrm|textnormal|mbox|mathrm|mathbf|mathit|mathsf|operatorname|hbox|bm|boldsymbol)
      [ ]*+\{(?P<content>[^{}]*+)\})
  | (?P<field>\\(?:mathbb|Bbb)[ ]*+\{?+(?P<which>[A-Z])\}?+)
  | (?P<environment>\\(?P<side>begin|end)[ ]*+\{(?P<name>[a-zA-Z]*+\*?+)\}(?:\{[clr|]*+\})?+)
  | (?P<mixed>\d++[ ]++\d++[ ]*+/[ ]*+\d++(?![\d.]))
  | (?P<repeating>\d++\.\d*+\\(?:overline|bar)[ ]*+\{\d++\})
  | (?P<scientific>(?:\d++\.\d*+[eE][+-]?+\d++|\d++(?:[eE]\+\d++|E-?+\d++|e-\d\d++|e\d++)))
  | (?P<number>\d++(?:,\d{3}(?!\d))*+(?:\.\d*+)?+|\.\d++)
  | (?P<command>\\[A-Za-z]++|\\.)
  | (?P<letters>[A-Za-z]++(?:'[a-z]{1,2}(?![A-Za-z]))?+)
  | (?P<relation><=|>=|!=|==|[<>=])
  | (?P<power>\*\*)
  | (?P<other>[-+*/^_()\[\]{}|!,;:%&$€£¢])
    """,
    re.VERBOSE | re.ASCII,
)
_GROUPED = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})++(?!\d)")
_BRACKETS = {"(": 1, "[": 1, "\\{": 1, ")": -1, "]": -1, "\\}": -1}  # in these a comma always separates
_VOWELS = frozenset("aeiouAEIOU")


def tokens(text: str, prose: bool = False) -> list[Token]:
    """The tokens of a cleaned text.

    Args:
      prose: letters are words, as inside \\text{}.

    Raises:
      Unparsable: at a character that answers are not written with.
      TooLarge: if there are too many tokens or digits.
    """
    found: list[Token] = []
    for token in _scan(text, prose):
        found.append(token)
        if len(found) > TOKENS:
            raise TooLarge(f"more than {TOKENS} symbols")
    return found


def _scan(text: str, prose: bool) -> Iterator[Token]:
    position, depth, spaced, counted, grouped = 0, 0, False, False, _thousands(text)
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise Unparsable(f"unexpected character {text[position]!a} at position {position}")
        kind, written = match.lastgroup, match.group()
        position = match.end()
        if kind == "space":
            spaced = True
            continue
        if kind == "number" and "," in written and (depth or not grouped):
            position = match.start() + written.index(",")  # the comma separates
            written = text[match.start() : position]
        else:
            depth += _BRACKETS.get(written, 0)
        made = list(_made(match, kind or "", written, prose, counted))
        yield from [Token(made[0].kind, made[0].text, spaced), *made[1:]] if made else []
        is_unit = counted and bool(made) and made[-1].kind == "word"  # "5 square cm"
        spaced, counted = False, is_unit or kind in ("number", "mixed", "scientific") or written in ")}"


def _thousands(text: str) -> bool:
    """Whether every comma between digits groups thousands: "1,234" is a number, "1,2,345" a list."""
    inside = [place for match in _GROUPED.finditer(text) for place in range(*match.span())]
    commas = [match.start() + 1 for match in re.finditer(r"\d,(?=\d)", text)]
    return set(commas) <= set(inside)


def _made(match: re.Match[str], kind: str, written: str, prose: bool, counted: bool) -> Iterator[Token]:
    """The tokens that one match stands for; `counted`: it stands behind a number."""
    if kind in ("number", "scientific", "mixed", "repeating"):
        if sum(map(str.isdigit, written)) > DIGITS:
            raise TooLarge(f"a number of more than {DIGITS} digits")
        yield Token("number" if kind == "scientific" else kind, written.replace(",", ""))
    elif match["text"] is not None:
        yield from _wrapped(written, match["content"])
    elif match["field"] is not None:
        yield Token("constant", "reals") if match["which"] == "R" else Token("symbol", match["which"] + match["which"])
    elif match["environment"] is not None:
        yield Token(match["side"], match["name"])
    elif kind == "command":
        yield from _command(written)
    elif kind == "letters":
        yield from _letters(written, prose or (counted and (written in _UNIT_NAMES or written in _ORDINAL)))
    elif kind == "relation":
        yield Token("relation", vocabulary.RELATIONS[written])
    elif kind == "power":
        yield Token("^", written)
    elif written in "$€£¢":
        yield Token("word", written)
    else:
        yield Token(written, written)


def _wrapped(written: str, content: str) -> Iterator[Token]:
    """What stands in \\text{}, \\mathrm{} and their like."""
    stripped = content.strip()
    if not stripped:
        return
    is_maths = not written.startswith(("\\text", "\\mbox", "\\hbox"))
    if is_maths and stripped in vocabulary.NAMED:
        yield from _command("\\" + stripped)
    elif is_maths and len(stripped) == 1 and stripped.isascii() and stripped.isalpha():
        yield Token("symbol" if stripped not in "ei" else "constant", stripped)
    else:
        yield from tokens(stripped, prose=True)


def _command(written: str) -> Iterator[Token]:
    name = written[1:]
    if name in vocabulary.RELATIONS and name.isalpha():
        yield Token("relation", vocabulary.RELATIONS[name])
    elif name in vocabulary.CONSTANTS:
        yield Token("constant", vocabulary.CONSTANTS[name])
    elif name in vocabulary.FUNCTIONS:
        yield Token("function", vocabulary.FUNCTIONS[name])
    elif name in vocabulary.GREEK:
        yield Token("symbol", name)
    elif name in ("cdot", "times", "ast"):
        yield Token("*", written)
    elif name == "div":
        yield Token("/", written)
    elif name in ("lor", "vee", "land", "wedge"):
        yield Token("joint", "or" if name in ("lor", "vee") else "and")
    elif name in ("lbrace", "rbrace", "{", "}"):
        yield Token("\\{" if name in ("lbrace", "{") else "\\}", written)
    elif name in ("lvert", "rvert", "vert", "mid", "|"):
        yield Token("|", written)
    elif name in ("langle", "rangle"):
        yield Token("(" if name == "langle" else ")", "(" if name == "langle" else ")")
    else:
        yield Token("command", name)


def _letters(run: str, prose: bool) -> Iterator[Token]:
    """A word, or names and single letters without a space between them: "sinx" is sin and x."""
    if run in ("and", "or"):
        yield Token("joint", run)
        return
    parts = list(_names(run))
    loose = sum(part not in vocabulary.NAMED for part in parts)
    alphabetical = run.lower() in "abcdefghijklmnopqrstuvwxyz"
    if run not in vocabulary.NAMED and (
        prose or "'" in run or loose > 3 or (loose == 3 and not alphabetical and not _VOWELS.isdisjoint(run))
        or run in ("no", "No")
    ):  # fmt: skip
        yield Token("word", run)
        return
    for part in parts:
        if part in ("e", "i"):
            yield Token("constant", part)
        elif part in ("sqrt", "cbrt"):
            yield Token("command", part + "()")
        elif part in vocabulary.NAMED:
            yield from _command("\\" + part)
        else:
            yield Token("symbol", part)


# "xi" is x times i more often than a Greek letter.
_SPLIT_OFF = [name for name in vocabulary.NAMES_BY_LENGTH if name not in ("xi", "mu", "nu", "Re", "Im", "Xi", "Pi")]
_ORDINAL = frozenset(("st", "nd", "rd", "th"))  # 4th
_UNIT_NAMES = {name for name in (*vocabulary.UNITS, *vocabulary.ALIASES, "sq", "cu", "kmh") if len(name) > 1} - {"min"}


def _names(run: str) -> Iterator[str]:
    position = 0
    while position < len(run):
        name = next((name for name in _SPLIT_OFF if run.startswith(name, position)), run[position])
        position += len(name)
        yield name
