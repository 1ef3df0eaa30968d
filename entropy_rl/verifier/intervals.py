"""Sets of real numbers as sorted, merged intervals with numeric ends."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from entropy_rl.verifier.exact import NotExact, quotient
from entropy_rl.verifier.nodes import (
    Call,
    Constant,
    Group,
    Node,
    Number,
    Relation,
    Symbol,
    Undefined,
    Unparsable,
    symbols,
)
from entropy_rl.verifier.numeric import close
from entropy_rl.verifier.scalars import constant

_INFINITY = float("inf")
_ZERO = constant(Number(Fraction(0)))
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "!=": "!="}


@dataclasses.dataclass(frozen=True)
class Interval:
    """From low to high; an end belongs to it if it is closed."""

    low: Any
    low_closed: bool
    high: Any
    high_closed: bool


def intervals(node: Node) -> tuple[str, list[Interval]]:
    """The variable that a set speaks of ("" if it names none), and the set.

    Raises:
      Unparsable: if the node is no set of real numbers.
      TooLarge, Undefined, Inconclusive: if an end cannot be worked out.
    """
    if isinstance(node, Constant) and node.name in ("reals", "empty"):
        return "", [Interval(-_INFINITY, False, _INFINITY, False)] if node.name == "reals" else []
    if isinstance(node, Relation):
        return _of_relation(node)
    if not isinstance(node, Group):
        raise Unparsable("not a set of real numbers")
    if node.kind == "set":
        return "", _merged([Interval(end, True, end, True) for end in map(_end, node.items)])
    if node.kind == "union" or (node.kind == "list" and node.joint in ("or", "and")):
        parts = [intervals(item) for item in node.items]
        names = {name for name, _ in parts}
        if len(names) != 1:
            raise Unparsable("a set of several variables")
        if node.joint == "and":
            return names.pop(), _intersection([found for _, found in parts])
        return names.pop(), _merged([each for _, found in parts for each in found])
    if node.kind == "difference":
        return _difference(*node.items)
    if node.kind in ("()", "[]", "(]", "[)") and len(node.items) == 2:
        low, high = map(_end, node.items)
        if not low < high and not (node.kind == "[]" and close(low, high)):
            raise Unparsable("an interval whose ends are not in order")
        return "", [Interval(low, node.kind[0] == "[", high, node.kind[1] == "]")]
    raise Unparsable("not a set of real numbers")


def same(left: Sequence[Interval], right: Sequence[Interval]) -> bool:
    """Whether two merged sets are equal."""
    return len(left) == len(right) and all(
        one.low_closed == other.low_closed
        and one.high_closed == other.high_closed
        and _equal(one.low, other.low)
        and _equal(one.high, other.high)
        for one, other in zip(left, right, strict=True)
    )


def _equal(left: Any, right: Any) -> bool:
    if abs(left) == _INFINITY or abs(right) == _INFINITY:
        return bool(left == right)
    return close(left, right)


def _end(node: Node) -> Any:
    if node == Constant("infinity"):
        return _INFINITY
    if isinstance(node, Call) and node.name == "negative" and node.arguments[0] == Constant("infinity"):
        return -_INFINITY
    if isinstance(node, (Group, Relation)) or symbols(node):
        raise Unparsable("an end that is no number")
    value = constant(node)
    if hasattr(value, "_mpc_"):
        raise Unparsable("an end that is not real")
    return value


def _of_relation(node: Relation) -> tuple[str, list[Interval]]:
    """x > a, a < x <= b, x != a, x in a set."""
    if node.signs == ("in",) and isinstance(node.sides[0], Symbol):
        return node.sides[0].name, intervals(node.sides[1])[1]
    named = [place for place, side in enumerate(node.sides) if symbols(side)]
    if len(named) != 1 or not set(node.signs) <= set(_FLIPPED) or len(symbols(node)) != 1:
        raise Unparsable("not an inequality in one variable alone")
    (place,), (name,) = named, symbols(node)
    middle = node.sides[place]
    if not isinstance(middle, Symbol):
        solved = tuple(Symbol(name) if at == place else side for at, side in enumerate(node.sides))
        return name, _where(middle, name, _of_relation(Relation(node.signs, solved))[1])
    found = [Interval(-_INFINITY, False, _INFINITY, False)]
    if len(node.signs) == 1:
        sign = node.signs[0] if place == 0 else _FLIPPED[node.signs[0]]
        return name, _half(sign, _end(node.sides[1 - place]))
    if len(node.signs) != 2 or place != 1 or len({sign[0] for sign in node.signs}) != 1:
        raise Unparsable("not a chain of two inequalities")
    for sign, side in ((_FLIPPED[node.signs[0]], node.sides[0]), (node.signs[1], node.sides[2])):
        found = _intersection([found, _half(sign, _end(side))])
    return name, found


def _where(node: Node, name: str, found: list[Interval]) -> list[Interval]:
    """Where an expression, a x + b or |a x + b|, lies in a set."""
    if isinstance(node, Call) and node.name == "abs" and name not in ("z", "w"):  # those may be complex
        found = _intersection([found, [Interval(_ZERO, True, _INFINITY, False)]])
        mirrored = [Interval(-each.high, each.high_closed, -each.low, each.low_closed) for each in found]
        return _where(node.arguments[0], name, _merged([*found, *mirrored]))
    try:
        above, below = quotient(node, (name,))
    except (NotExact, Undefined) as error:
        raise Unparsable("not an inequality that is linear in its variable") from error
    if not below.is_ground or above.degree() != 1:
        raise Unparsable("not an inequality that is linear in its variable")
    shift, slope = (_fraction(above.coeff(each) / below.LC) for each in (1, above.ring.gens[0]))
    moved = [
        Interval((each.low - shift) / slope, each.low_closed, (each.high - shift) / slope, each.high_closed)
        for each in found
    ]
    if slope < 0:
        moved = [Interval(each.high, each.high_closed, each.low, each.low_closed) for each in moved]
    return _merged(moved)


def _fraction(value: Any) -> Any:
    return constant(Number(Fraction(int(value.numerator), int(value.denominator))))


def _half(sign: str, end: Any) -> list[Interval]:
    below = Interval(-_INFINITY, False, end, sign == "<=")
    above = Interval(end, sign == ">=", _INFINITY, False)
    if sign == "=":
        return [Interval(end, True, end, True)]
    return [below, above] if sign == "!=" else [below if sign[0] == "<" else above]


def _difference(whole: Node, removed: Node) -> tuple[str, list[Interval]]:
    """A set without finitely many points."""
    if not (isinstance(removed, Group) and removed.kind == "set"):
        raise Unparsable("a difference with something other than a finite set")
    name, found = intervals(whole)
    for point in map(_end, removed.items):
        found = [part for each in found for part in _without(each, point)]
    return name, _merged(found)


def _without(each: Interval, point: Any) -> list[Interval]:
    if not each.low <= point <= each.high:
        return [each]
    left = Interval(each.low, each.low_closed, point, False)
    right = Interval(point, False, each.high, each.high_closed)
    return [part for part in (left, right) if part.low < part.high]


def _intersection(sets: Sequence[Sequence[Interval]]) -> list[Interval]:
    found = list(sets[0])
    for other in sets[1:]:
        found = [part for one in found for two in other for part in _common(one, two)]
    return _merged(found)


def _common(one: Interval, two: Interval) -> list[Interval]:
    low, low_closed = max((one.low, not one.low_closed), (two.low, not two.low_closed))
    high, high_closed = min((one.high, one.high_closed), (two.high, two.high_closed))
    part = Interval(low, not low_closed, high, high_closed)
    return [part] if low < high or (low == high and part.low_closed and part.high_closed) else []


def _merged(found: Sequence[Interval]) -> list[Interval]:
    """Sorted, with what overlaps or touches made one."""
    merged: list[Interval] = []
    for each in sorted(found, key=lambda part: (part.low, not part.low_closed)):
        last = merged[-1] if merged else None
        touches = last is not None and (
            each.low < last.high or (each.low == last.high and (each.low_closed or last.high_closed))
        )
        if last is None or not touches:
            merged.append(each)
            continue
        high, high_closed = max((last.high, last.high_closed), (each.high, each.high_closed))
        merged[-1] = Interval(last.low, last.low_closed, high, high_closed)
    return merged
