"""Exact values: rational numbers, and quotients of polynomials with rational coefficients."""

from __future__ import annotations

import functools
import math
from fractions import Fraction
from typing import Any

from entropy_rl.verifier.nodes import BITS, Call, Constant, Node, Number, Symbol, TooLarge, Undefined

TERMS = 400  # of a polynomial
PRODUCTS = 40_000  # of terms, in one multiplication
DEGREE = 64
COEFFICIENT_BITS = 4_000
FACTORIAL = 1_500  # its value has 13,600 bits
BINOMIAL = 5_000


class NotExact(Exception):
    """The value is no rational number, or no quotient of polynomials; numerics may still decide."""


def rational(node: Node) -> Fraction:
    """The value of an expression of rational numbers.

    Raises:
      NotExact: if it is no such expression.
      TooLarge: if a number on the way has more than BITS bits.
      Undefined: at a division by zero.
    """
    if isinstance(node, Number):
        return node.value
    if not isinstance(node, Call):
        raise NotExact
    if node.name in ("add", "mul"):
        total = Fraction(node.name == "mul")
        for each in node.arguments:  # what is built up on the way may be larger than the result, but not by much
            value = rational(each)
            total = _small(total * value if node.name == "mul" else total + value, 3 * BITS)
        return _small(total)
    values = [rational(each) for each in node.arguments]
    return _small(_apply(node.name, values))


def _small(value: Fraction, most: int = BITS) -> Fraction:
    if value.numerator.bit_length() > most or value.denominator.bit_length() > most:
        raise TooLarge(f"a number of more than {most} bits")
    return value


def _apply(name: str, values: list[Fraction]) -> Fraction:
    first = values[0]
    if name == "negative":
        return -first
    if name == "inverse":
        if not first:
            raise Undefined("a division by zero")
        return 1 / first
    if name == "pow":
        return _power(first, values[1])
    if name == "root":
        return _power(first, _inverse(values[1]))
    if name == "abs":
        return abs(first)
    if name in ("floor", "ceil"):
        return Fraction(math.floor(first) if name == "floor" else math.ceil(first))
    if name == "sign":
        return Fraction((first > 0) - (first < 0))
    if name in ("max", "min"):
        return max(values) if name == "max" else min(values)
    if name in ("gcd", "lcm") and all(value.denominator == 1 for value in values):
        return Fraction((math.gcd if name == "gcd" else math.lcm)(*(int(value) for value in values)))
    if name in ("factorial", "binomial"):
        return _count(name, values)
    raise NotExact


def _inverse(value: Fraction) -> Fraction:
    if not value:
        raise Undefined("a root of index zero")
    return 1 / value


def _count(name: str, values: list[Fraction]) -> Fraction:
    if any(value.denominator != 1 for value in values):
        raise NotExact
    n = int(values[0])
    if n < 0:
        raise Undefined(f"the {name} of a negative number")
    if name == "factorial":
        if n > FACTORIAL:
            raise TooLarge(f"a factorial of a number above {FACTORIAL}")
        return Fraction(math.factorial(n))
    if n > BINOMIAL:
        raise TooLarge(f"a binomial coefficient of a number above {BINOMIAL}")
    k = int(values[1])
    return Fraction(math.comb(n, k) if 0 <= k <= n else 0)


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    """base ** exponent where that is rational; odd roots of negative numbers are negative."""
    if base in (0, 1):
        if base == 0 and exponent <= 0:
            raise Undefined("zero to a power that is not positive")
        return base
    if exponent.denominator > BITS or abs(exponent.numerator) > BITS:
        if base == -1 and exponent.denominator == 1:
            return Fraction(1 if exponent.numerator % 2 == 0 else -1)
        raise TooLarge("an exponent too large to be worked out")
    if exponent.denominator != 1:
        above = integer_root(base.numerator, exponent.denominator)
        below = integer_root(base.denominator, exponent.denominator)
        if above is None or below is None:
            raise NotExact
        base = Fraction(above, below)
    bits = max(base.numerator.bit_length(), base.denominator.bit_length())
    if abs(exponent.numerator) * (bits - 1) > BITS:
        raise TooLarge(f"a power of more than {BITS} bits")
    return base**exponent.numerator


def integer_root(value: int, index: int) -> int | None:
    """The whole number whose power it is, or None; negative for a negative value and an odd index."""
    if value < 0:
        positive = integer_root(-value, index) if index % 2 else None
        return None if positive is None else -positive
    if value < 2:
        return value
    if index >= value.bit_length():
        return None
    low, high = 1, 1 << (value.bit_length() // index + 1)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**index <= value else (low, middle - 1)
    return low if low**index == value else None


@functools.lru_cache(maxsize=256)
def _ring(names: tuple[str, ...]) -> Any:
    from sympy.polys.domains import QQ
    from sympy.polys.rings import PolyRing

    # Generators are numbered, so that no name that a policy wrote reaches sympy.
    return PolyRing([f"v{index}" for index in range(len(names))], QQ)


def quotient(node: Node, names: tuple[str, ...]) -> tuple[Any, Any]:
    """Numerator and denominator, sympy polynomials in variables v0, v1 ... that stand for `names`.

    Raises:
      NotExact: if it is no quotient of polynomials, or one with too many terms.
      TooLarge, Undefined: as `rational`.
    """
    ring = _ring(names)
    if isinstance(node, Symbol):
        return ring.gens[names.index(node.name)], ring.one
    if isinstance(node, Constant):
        raise NotExact
    try:
        value = rational(node)
        return ring(_coefficient(value.numerator)), ring(_coefficient(value.denominator))
    except NotExact:
        if not isinstance(node, Call) or node.name not in ("add", "mul", "negative", "inverse", "pow"):
            raise
    if node.name == "pow":
        return _raised(node, names)
    parts = [quotient(each, names) for each in node.arguments]
    result = parts[0]
    if node.name == "negative":
        return -result[0], result[1]
    if node.name == "inverse":
        if not result[0]:
            raise Undefined("a division by zero")
        return result[1], result[0]
    for part in parts[1:]:
        if node.name == "mul":
            result = _times(result[0], part[0]), _times(result[1], part[1])
        elif result[1] == part[1]:
            result = result[0] + part[0], result[1]
        else:
            result = _times(result[0], part[1]) + _times(part[0], result[1]), _times(result[1], part[1])
    return result


def _raised(node: Call, names: tuple[str, ...]) -> tuple[Any, Any]:
    exponent = rational(node.arguments[1])
    if exponent.denominator != 1 or abs(exponent) > DEGREE:
        raise NotExact
    base = quotient(node.arguments[0], names)
    result = base[0].ring.one, base[0].ring.one
    for _ in range(abs(int(exponent))):
        result = _times(result[0], base[0]), _times(result[1], base[1])
    if exponent <= 0 and not base[0]:
        raise Undefined("zero to a power that is not positive")
    return result if exponent >= 0 else (result[1], result[0])


def _times(left: Any, right: Any) -> Any:
    """left * right, if that is small."""
    if len(left) * len(right) > PRODUCTS:
        raise NotExact
    product = left * right
    if len(product) > TERMS or (product and max(map(sum, product.itermonoms())) > DEGREE):
        raise NotExact
    if any(value.numerator.bit_length() > COEFFICIENT_BITS for value in product.itercoeffs()):
        raise NotExact
    return product


def _coefficient(value: int) -> int:
    if value.bit_length() > COEFFICIENT_BITS:
        raise NotExact
    return value
