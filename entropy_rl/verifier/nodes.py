"""What an answer is made of, and the limits on it, which count characters and operations, never seconds."""

from __future__ import annotations

import dataclasses
from fractions import Fraction

TOKENS = 1_500
DEPTH = 40  # brackets, fractions, roots and exponents within each other
BITS = 20_000  # of a numerator or denominator: about 6,000 decimal digits
DIGITS = 3_000  # of a number as written
ITEMS = 100  # of a list, a set or a matrix


class Unparsable(ValueError):
    """The text is not in the grammar; nothing is said about what it means."""


class TooLarge(ValueError):
    """The text means something that is too large to be worked out."""


class Undefined(ValueError):
    """It has no value: a division by zero, the logarithm of zero."""


@dataclasses.dataclass(frozen=True, slots=True)
class Number:
    """An exact number. `places`: digits after the decimal point as written; None if it was no decimal."""

    value: Fraction
    places: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Symbol:
    """A variable: "x", "x_1", "alpha", "f(x)"."""

    name: str


@dataclasses.dataclass(frozen=True, slots=True)
class Constant:
    """One of "pi", "e", "i", "infinity", "reals", "empty"."""

    name: str


@dataclasses.dataclass(frozen=True, slots=True)
class Call:
    """An operation or function on its arguments: add, mul, inverse, negative, pow, root, sin, factorial ...

    "plusminus" and "minusplus" stand for two values each.
    """

    name: str
    arguments: tuple[Node, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Group:
    """Several values.

    Attributes:
      kind: "list" (answers in any order), "set", "ratio", "union", "difference", "modulo" (a value and a modulus),
        "matrix" (its items are the rows, lists in order), or the two brackets of a tuple or interval, "()" or "[)".
      joint: of a list, what stood between the items: "," or "and" or "or".
    """

    kind: str
    items: tuple[Node, ...]
    joint: str = ","


@dataclasses.dataclass(frozen=True, slots=True)
class Relation:
    """A chain of sides with a sign between any two: "=", "<", "<=", ">", ">=", "!=", "in"."""

    signs: tuple[str, ...]
    sides: tuple[Node, ...]


@dataclasses.dataclass(frozen=True, slots=True)
class Based:
    """Digits in a stated base, "1010_2"."""

    digits: str
    base: int


Node = Number | Symbol | Constant | Call | Group | Relation | Based


def add(*terms: Node) -> Node:
    return terms[0] if len(terms) == 1 else Call("add", terms)


def multiply(*factors: Node) -> Node:
    return factors[0] if len(factors) == 1 else Call("mul", factors)


def children(node: Node) -> tuple[Node, ...]:
    """The parts of a node, none for a leaf."""
    if isinstance(node, Call):
        return node.arguments
    if isinstance(node, Group):
        return node.items
    return node.sides if isinstance(node, Relation) else ()


def signature(node: Node) -> str:
    """A text that only equal nodes share; numbers in hexadecimal, which Python writes at any length."""
    if isinstance(node, Number):
        return f"{node.value.numerator:x}/{node.value.denominator:x}"
    if isinstance(node, (Symbol, Constant)):
        return f"<{node.name}>"
    if isinstance(node, Based):
        return f"{node.digits}_{node.base}"
    label = node.name if isinstance(node, Call) else node.kind if isinstance(node, Group) else "".join(node.signs)
    return f"{label}({','.join(map(signature, children(node)))})"


def symbols(node: Node) -> frozenset[str]:
    """The names of all variables in it."""
    if isinstance(node, Symbol):
        return frozenset((node.name,))
    return frozenset().union(*map(symbols, children(node)))


def substituted(node: Node, name: str, value: Node) -> Node:
    """The expression with a value for one of its variables."""
    if isinstance(node, (Symbol, Constant)):  # i is an index as well
        return value if node.name == name else node
    if isinstance(node, Call):
        return Call(node.name, tuple(substituted(each, name, value) for each in node.arguments))
    if isinstance(node, (Group, Relation, Based)):
        raise Unparsable("an expression that is no number")
    return node


def size(node: Node) -> int:
    """The number of nodes in it."""
    return 1 + sum(map(size, children(node)))


def contains(node: Node, *names: str) -> bool:
    """Whether an operation or constant of one of these names is in it."""
    if isinstance(node, (Call, Constant)) and node.name in names:
        return True
    return any(contains(child, *names) for child in children(node))
