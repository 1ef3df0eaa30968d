"""Many spellings of one answer become one, character by character; nothing here knows any mathematics."""

from __future__ import annotations

import re

from entropy_rl.verifier.extraction import LONGEST
from entropy_rl.verifier.nodes import TooLarge

_SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n", strict=True))
_SUBSCRIPTS = dict(zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True))
_SIGNS = {
    "−": "-", "–": "-", "—": "-", "‐": "-", "×": "*", "·": "*", "⋅": "*", "∗": "*", "÷": "/", "∕": "/", "⁄": "/",
    "π": r"\pi ", "∞": r"\infty ", "√": "sqrt ", "∛": "cbrt ", "≤": r"\le ", "≥": r"\ge ", "≠": r"\ne ",
    "⩽": r"\le ", "⩾": r"\ge ", "∪": r"\cup ", "∈": r"\in ", "ℝ": r"\mathbb{R}", "∅": r"\emptyset ", "±": r"\pm ",
    "∓": r"\mp ", "°": r"^\circ ", "º": r"^\circ ", "½": r"\frac{1}{2}", "⅓": r"\frac{1}{3}", "⅔": r"\frac{2}{3}",
    "¼": r"\frac{1}{4}", "¾": r"\frac{3}{4}", "⅕": r"\frac{1}{5}", "⅛": r"\frac{1}{8}", "θ": r"\theta ",
    "α": r"\alpha ", "β": r"\beta ", "γ": r"\gamma ", "λ": r"\lambda ", "μ": r"\mu ", "φ": r"\phi ", "ω": r"\omega ",
    "∨": r"\lor ", "∧": r"\land ", "⟨": r"\langle ", "⟩": r"\rangle ", "“": '"', "”": '"', "’": "'", "‘": "'",
    "\u00a0": " ", "\u2009": " ", "\u202f": " ", "\u3000": " ", "，": ", ",
}  # fmt: skip
_WIDE = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F) if chr(code) not in _SIGNS}
_TABLE = str.maketrans(_SIGNS) | _WIDE
_RAISED = re.compile(f"[{''.join(_SUPERSCRIPTS)}]++")
_LOWERED = re.compile(f"[{''.join(_SUBSCRIPTS)}]++")
_THOUSANDS = re.compile(r"(?<=\d)(?:\{,\}|,\\!\s?+)(?=\d{3}(?!\d))")
_SPACED = re.compile(r"(?<![\w.,^_{/ ])(?<![\w.,^_{/] )\d{1,3}(?: \d{3})++(?![\w.,/])")
_NARROW = re.compile(r"(?<=\d)\\[,;:! ](?=\d{3}(?!\d))")  # a thin space between thousands
_DROPPED = re.compile(
    r"\\(?:left|right|displaystyle|textstyle|limits|bigl|bigr|Bigl|Bigr|big|Big|middle|mathstrut|rm|bf|it)(?![A-Za-z])"
    r"|(?<!\\)\\[!()\[\]]|\"|\*\*(?=\s*+$)|^\s*+\*\*"
)
_SPACES = re.compile(r"\\(?:q?quad|(?:enspace|thinspace)(?![A-Za-z]))|(?<!\\)\\[,;: ]|~|\s")
# What frames an answer: "The answer is 5", "#### 5", "USD 5".
_FRAME = re.compile(
    r"^\s*+(?:#++\s*+)?+(?:(?:\\text\s*+\{\s*+)?+the\s++(?:final\s++|correct\s++)?+answer\s++is\s*+:?+\s*+)?+", re.I
)
_CURRENCY = re.compile(r"^(?:USD|US ?+\$)\s*+(?=\d)")
_DOUBLED = re.compile(r"(?<!\\)\\\\(?=[A-Za-z]{2})")  # LaTeX that was escaped twice
_ENVIRONMENT = re.compile(r"(?<!\\)\\begin")  # in which two backslashes are a new row
_SYSTEM = re.compile(r"\\left\s*+\\\{\s*+\\begin\s*+\{(?:array\}\s*+\{[clr]*+|aligned)\}")
_CONTROLS = re.compile(
    r"\t(?=ext|imes|frac|heta)|\f(?=rac)|\r(?=ight|ho)|[\b](?=egin|inom|oxed)"
)  # \text with a tab for \t
_DELIMITER = re.compile(r"(?<!\\)\$")


def _combinations(match: re.Match[str]) -> str:
    """C_6^2 is a binomial coefficient, C_1^2 the square of a constant."""
    return rf"\binom{{{match[1]}}}{{{match[2]}}}" if int(match[2]) <= int(match[1]) else match[0]


_RENAMED = (
    (re.compile(r"\\(?:[dtc]|nice|s)frac(?![A-Za-z])"), r"\\frac"),
    (re.compile(r"\\bigcup(?![A-Za-z])"), r"\\cup"),
    (re.compile(r"\\underline(?![A-Za-z])|(?:\bm *+)?\\(?:measured)?angle(?![A-Za-z])"), ""),
    (re.compile(r"\\overline *+\{ *+([A-Z]{2}) *+\}(?= *+=)"), r"\1"),  # the length of a segment
    (re.compile(r"\\vec *+\{ *+([a-z]) *+\}"), r"\1"),
    (re.compile(r"\{([^{}\\]*+)\\over(?![A-Za-z])([^{}\\]*+)\}"), r"\\frac{\1}{\2}"),
    (re.compile(r"^([^{}\\]*+)\\over(?![A-Za-z])([^{}\\]*+)$"), r"\\frac{\1}{\2}"),
    (re.compile(r"\{([^{}\\]*+)\\choose(?![A-Za-z])([^{}\\]*+)\}"), r"\\binom{\1}{\2}"),
    (re.compile(r"(?<![A-Za-z\\])C_\{?+(\d{1,4}+)\}?+\^\{?+(\d{1,4}+)\}?+"), _combinations),
    (re.compile(r"(?<![A-Za-z0-9)}_])\((\d++)\)_(?=[{\d])"), r"\1_"),  # (101)_2
    (re.compile(r"\(([a-z] *+\\in *+\\mathbb *+\{?+Z\}?+)\) *+$"), r", \1"),
    (re.compile(r"\\[dt]binom(?![A-Za-z])"), r"\\binom"),
    (re.compile(r"\\%"), "%"),
    (re.compile(r"\^\s*+(?:\{\s*+\\circ\s*+\}|\\circ(?![A-Za-z]))|\\degrees?(?![A-Za-z])"), r" \\degree "),
    (re.compile(r"^ *+(\d++) to (\d++) *+$"), r"\1:\2"),
    (re.compile(r"  ++"), " "),
)


def clean(text: str) -> str:
    """An answer in ASCII LaTeX where that is possible, without delimiters, sizes and spacing commands.

    Raises:
      TooLarge: if it has more than LONGEST characters.
    """
    if len(text) > LONGEST:
        raise TooLarge(f"an answer of {len(text)} characters; at most {LONGEST} are read")
    text = _unescaped(text)
    text = _RAISED.sub(lambda run: "^{" + "".join(_SUPERSCRIPTS[each] for each in run.group()) + "}", text)
    text = _LOWERED.sub(lambda run: "_{" + "".join(_SUBSCRIPTS[each] for each in run.group()) + "}", text)
    text = _THOUSANDS.sub("", text.translate(_TABLE))
    if len(_DELIMITER.findall(text)) != 1:  # a single one is a currency
        text = _DELIMITER.sub("", text)
    text = _DROPPED.sub("", _NARROW.sub("", text)).replace("\\$", "$")
    text = _SPACES.sub(" ", text)
    for pattern, new in _RENAMED:
        text = pattern.sub(new, text)
    text = _SPACED.sub(lambda run: run.group().replace(" ", ""), text)
    text = text.strip(" ")
    while text.endswith((".", ",", ";", ":", "\\")):
        text = text[:-1].rstrip(" ")
    return text


def _unescaped(text: str) -> str:
    """Without what frames an answer, escapes it twice, or opens a system of equations with a lone brace."""
    text = _CONTROLS.sub(lambda match: {"\t": r"\t", "\f": r"\f", "\r": r"\r", "\b": r"\b"}[match.group()], text)
    if _DOUBLED.search(text) and not _ENVIRONMENT.search(text):
        text = text.replace("\\\\", "\\")
    if r"\right." in text:
        text = _SYSTEM.sub(r"\\begin{cases}", text)
        text = re.sub(r"\\end\s*+\{(?:array|aligned)\}\s*+\\right\.", r"\\end{cases}", text)
    frame = _FRAME.match(text)
    if frame and frame.end():
        is_open = "\\text" in frame.group()
        text = text[frame.end() :]
        text = text.replace("}", "", 1) if is_open else text
    return _CURRENCY.sub("$", text)


def printable(text: str, most: int = 200) -> str:
    """Safe in any log, file and terminal: control characters and lone surrogates are escaped; cut at `most`."""
    safe = "".join(
        each if each.isprintable() else each.encode("unicode_escape", "surrogatepass").decode("ascii")
        for each in text[:most]
    )
    return safe[:most] + ("..." if len(text) > most or len(safe) > most else "")
