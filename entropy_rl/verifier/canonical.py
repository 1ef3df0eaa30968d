"""One text for all answers that are equal, as far as that is cheap: what a majority vote counts."""

from __future__ import annotations

from fractions import Fraction

from entropy_rl.verifier.exact import NotExact, quotient, rational
from entropy_rl.verifier.nodes import Based, Call, Constant, Group, Node, Number, Relation, Symbol, TooLarge, Undefined
from entropy_rl.verifier.nodes import symbols as symbols_of
from entropy_rl.verifier.numeric import Inconclusive
from entropy_rl.verifier.scalars import NAMES, constant

SHOWN = 200  # characters
_JOINED = {"union": " u ", "difference": " - ", "ratio": ":", "modulo": " mod "}
_OPERATORS = {"add": " + ", "mul": "*"}


def canonical(node: Node) -> str:
    """Rational numbers as p/q, other constants by 20 digits, polynomials expanded, lists and sets sorted.

    An expression that is none of these is printed with its terms and factors in alphabetical order.
    """
    if isinstance(node, Group):
        items = [canonical(item) for item in node.items]
        if node.kind in ("list", "set"):
            return "{" + ", ".join(sorted(items)) + "}" if len(items) > 1 else "".join(items)
        if node.kind in _JOINED:
            return _JOINED[node.kind].join(items)
        opening, closing = ("[", "]") if node.kind == "matrix" else node.kind
        return f"{opening}{', '.join(items)}{closing}"
    if isinstance(node, Relation):
        parts = [canonical(node.sides[0])]
        for sign, side in zip(node.signs, node.sides[1:], strict=True):
            parts += [sign, canonical(side)]
        if node.signs == ("=",) and isinstance(node.sides[0], Symbol):
            return parts[-1]
        return " ".join(parts)
    if isinstance(node, Based):
        return f"{node.digits}_{node.base}"
    return _scalar(node)


def _scalar(node: Node) -> str:
    try:
        return fraction(rational(node))
    except (NotExact, TooLarge, Undefined):
        pass
    names = tuple(sorted(symbols_of(node)))
    try:
        if names and len(names) <= NAMES:
            return _polynomial(node, names)
        if not names and not isinstance(node, Constant):
            return _digits(node)
    except (NotExact, TooLarge, Undefined, Inconclusive):
        pass
    return _printed(node)


def fraction(value: Fraction) -> str:
    """p/q; a number too long to be shown by its beginning and its length."""
    if max(value.numerator.bit_length(), value.denominator.bit_length()) < 600:
        return str(value)
    return f"a number of {value.numerator.bit_length()}/{value.denominator.bit_length()} bits, {hash(value):x}"


def _polynomial(node: Node, names: tuple[str, ...]) -> str:
    numerator, denominator = quotient(node, names)
    if not denominator.is_ground or len(numerator) > 40:
        raise NotExact
    text = ""
    for powers, coefficient in numerator.terms():
        value = coefficient / denominator.LC
        value = Fraction(int(value.numerator), int(value.denominator))
        parts = [name if power == 1 else f"{name}^{power}" for name, power in zip(names, powers, strict=True) if power]
        if abs(value) != 1 or not parts:
            parts.insert(0, fraction(abs(value)))
        sign = "-" if value < 0 else "+"
        text += (f" {sign} " if text else sign.strip("+")) + "*".join(parts)
    if len(text) > SHOWN:
        raise NotExact
    return text or "0"


def _digits(node: Node) -> str:
    value = constant(node)
    parts = [value.real, value.imag]
    shown = [value.context.nstr(part, 20) if abs(part) > 1e-50 else "0" for part in parts]
    return shown[0] if shown[1] == "0" else f"{shown[0]} + {shown[1]}i"


def _printed(node: Node) -> str:
    if isinstance(node, Number):
        return fraction(node.value)
    if isinstance(node, (Symbol, Constant)):
        return node.name
    if not isinstance(node, Call):
        return canonical(node)
    arguments = [_printed(each) for each in node.arguments]
    if node.name in _OPERATORS:
        return "(" + _OPERATORS[node.name].join(sorted(arguments)) + ")"
    return f"{node.name}({', '.join(arguments)})"
