"""Values of expressions to 260 digits, at points that follow from the two answers compared.

Equality of constants such as sqrt(3 + 2 sqrt(2)) = 1 + sqrt(2) is read off 200 digits. Two things could deceive: an
expression that hides a tiny part, and one that vanishes just where it is looked at. Against the first, every value on
the way must be 0 or between 1e-60 and 1e60, and must not lie within 1e-60 of a whole number without being one to 200
digits; what fails is `Inconclusive`. Against the second, points are drawn by a hash of both answers.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import mpmath

from entropy_rl.verifier.exact import NotExact, rational
from entropy_rl.verifier.nodes import Call, Constant, Node, Number, Symbol, TooLarge, Undefined

DIGITS, EQUAL, SMALL = 260, 200, 60  # of working; that must agree; range of magnitudes, as exponents of ten
STEPS = 4_000  # operations for one value
# Magnitudes of the points, with signs; those below 1 are for square roots of 1 - x^2 and the like.
_FAR = 1000
_SPANS = ((0, 1), (1, 10), (-1, 0), (10, _FAR), (-10, -1), (0, 1), (1, 10), (-_FAR, -10), (0, 0.5), (-0.5, 0.5), (0, 2))
POINTS = 8  # that are looked at where all of them have a value


class Inconclusive(Exception):
    """Numerics cannot tell."""


class _Context(mpmath.MPContext):
    """Arithmetic of our own, so that nobody else's precision is touched."""


_context: Any = _Context()
_context.dps = DIGITS
_tiny, _huge, _zero = _context.mpf(10) ** -SMALL, _context.mpf(10) ** SMALL, _context.mpf(10) ** -EQUAL


class Evaluator:
    """Evaluates expressions at one point.

    Attributes:
      point: value of each variable.
      is_complex: values may be complex and powers are principal; else what is not real is undefined and odd roots of
        negative numbers are negative.
    """

    def __init__(self, point: Mapping[str, Fraction], is_complex: bool) -> None:
        self.point = {name: _fraction(value) for name, value in point.items()}
        self.is_complex, self._steps = is_complex, 0

    def __call__(self, node: Node) -> Any:
        """The value of a node.

        Raises:
          Undefined: if there is none.
          Inconclusive: if a value leaves the range in which 260 digits are enough.
          TooLarge: after too many operations.
        """
        self._steps += 1
        if self._steps > STEPS:
            raise TooLarge(f"more than {STEPS} operations")
        if isinstance(node, Symbol):
            return self.point[node.name]
        if isinstance(node, Constant):
            return self._constant(node.name)
        if isinstance(node, Number):
            return self._checked(_fraction(node.value))
        if not isinstance(node, Call):
            raise Inconclusive(f"no number: {type(node).__name__}")
        if node.name in ("pow", "root"):
            return self._checked(self._power(node))
        values = [self(each) for each in node.arguments]
        return self._checked(self._apply(node.name, values))

    def _constant(self, name: str) -> Any:
        if name == "pi":
            return +_context.pi
        if name == "e":
            return +_context.e
        if name == "i":
            return _context.mpc(0, 1)
        raise Inconclusive(f"{name} is no number")

    def _checked(self, value: Any) -> Any:
        for part in (value.real, value.imag):
            if not _context.isfinite(part):
                raise Undefined("not finite")
            size, gap = abs(part), abs(part - _context.nint(part))
            if size > _huge or _zero < size < _tiny or (size > _tiny and _zero * max(size, 1) < gap < _tiny):
                raise Inconclusive("a value too large, too small or too close to a whole number")
        if isinstance(value, _context.mpc):
            if abs(value.imag) <= _zero * max(abs(value.real), 1):
                return value.real
            if not self.is_complex:
                raise Undefined("not real")
        return value

    def _power(self, node: Call) -> Any:
        base = self(node.arguments[0])
        try:
            exact: Fraction | None = rational(node.arguments[1])
            exact = 1 / exact if node.name == "root" and exact else exact
        except NotExact:
            exact = None
        exponent = self(node.arguments[1]) if exact is None else _fraction(exact)
        if node.name == "root" and exact is None:
            exponent = 1 / exponent if exponent else _undefined()
        if abs(base) <= _zero:
            return base * 0 if exponent.real > 0 else _undefined()
        if abs(exponent * _context.log(abs(base))) > 2.3 * SMALL:
            raise Inconclusive("a power out of range")
        if exact is not None and exact.denominator == 1:
            return base ** int(exact) if abs(exact) < 10_000 else _context.power(base, exponent)
        if _real(base) and base < 0 and exact is not None and exact.denominator % 2 and not self.is_complex:
            root = _context.power(-base, exponent)
            return root if exact.numerator % 2 == 0 else -root
        return _context.power(base, exponent)

    def _apply(self, name: str, values: list[Any]) -> Any:
        first = values[0]
        if name == "add":
            return functools.reduce(lambda left, right: left + right, values)
        if name == "mul":
            return functools.reduce(lambda left, right: left * right, values)
        if name == "negative":
            return -first
        if name == "inverse":
            return 1 / first if abs(first) > _zero else _undefined()
        if name == "degree":
            return first * _context.pi / 180
        if name == "log" and len(values) == 2:
            base = _log(values[1])
            return _log(first) / base if abs(base) > _zero else _undefined()
        if name in ("max", "min"):
            if not all(map(_real, values)):
                _undefined()
            return max(values) if name == "max" else min(values)
        if name in ("factorial", "binomial"):
            return _gamma(name, values)
        if len(values) != 1 or name not in _FUNCTIONS:
            raise Inconclusive(f"{name} is not evaluated")
        if abs(first) > _LARGEST.get(name, _huge):
            raise Inconclusive(f"{name} of a number out of range")
        return _FUNCTIONS[name](first)


def _fraction(value: Fraction) -> Any:
    return _context.mpf(value.numerator) / value.denominator


def _real(value: Any) -> bool:
    return not isinstance(value, _context.mpc)


def _undefined(*_: Any) -> Any:
    raise Undefined("no value at this point")


def _log(value: Any) -> Any:
    return _context.log(value) if abs(value) > _zero else _undefined()


def _log_of_unknown_base(value: Any) -> Any:
    # Some write log for the natural logarithm, others for base ten: only what holds in every base is taken as equal.
    return _log(value) / _UNKNOWN


def _gamma(name: str, values: list[Any]) -> Any:
    if not all(_real(value) and 0 <= value < 1500 for value in values):
        raise Inconclusive(f"{name} out of range")
    n = values[0]
    if name == "factorial":
        return _context.gamma(n + 1) if n < 45 else _range()
    return _context.binomial(n, values[1])


def _range() -> Any:
    raise Inconclusive("out of range")


def _ratio(above: str, below: str) -> Callable[[Any], Any]:
    def function(value: Any) -> Any:
        divisor = getattr(_context, below)(value)
        return getattr(_context, above)(value) / divisor if abs(divisor) > _zero else _undefined()

    return function


def _inverse_of(name: str) -> Callable[[Any], Any]:
    def function(value: Any) -> Any:
        divisor = getattr(_context, name)(value)
        return 1 / divisor if abs(divisor) > _zero else _undefined()

    return function


def _whole(name: str) -> Callable[[Any], Any]:
    return lambda value: getattr(_context, name)(value) if _real(value) else _undefined()


_UNKNOWN = _context.log(_context.mpf("7.31662479035539984911493273667"))
_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    **{name: getattr(_context, name) for name in ("sin", "cos", "exp", "sinh", "cosh", "tanh")},
    **{"arcsin": _context.asin, "arccos": _context.acos, "arctan": _context.atan, "arccot": _context.acot},
    **{"tan": _ratio("sin", "cos"), "cot": _ratio("cos", "sin"), "coth": _ratio("cosh", "sinh")},
    **{"sec": _inverse_of("cos"), "csc": _inverse_of("sin")},
    **{"abs": abs, "re": lambda value: value.real, "im": lambda value: value.imag},
    **{"ln": _log, "log": _log_of_unknown_base, "log10": lambda value: _log(value) / _context.log(10)},
    **{"floor": _whole("floor"), "ceil": _whole("ceil"), "sign": _whole("sign")},
}
# Beyond these a function is too close to a bound, too large, or costs too much.
_LARGEST = {**dict.fromkeys(("exp", "sinh", "cosh"), 130), "tanh": 60, "coth": 60}


def points(names: Sequence[str], salt: str, far: int = _FAR) -> list[dict[str, Fraction]]:
    """One point per span: coordinates of 17 digits that a hash of `salt` decides.

    Args:
      far: the outermost spans end here; beyond the numbers in an answer, so that |x - 5000| is not 5000 - x.
    """
    found = []
    for index, ends in enumerate(_SPANS):
        low, high = (Fraction(end) * (far if abs(end) == _FAR else _FAR) / _FAR for end in ends)
        point = {}
        for name in names:
            digest = hashlib.sha256(f"{index}/{name}/{salt}".encode("utf-8", "backslashreplace")).digest()
            part = Fraction(int.from_bytes(digest[:8], "big") % 10**16 * 2 + 1, 2 * 10**16)
            point[name] = low + (high - low) * part
        found.append(point)
    return found


def close(left: Any, right: Any) -> bool:
    """Whether two values agree to EQUAL digits.

    Raises:
      Inconclusive: if they agree to SMALL digits and not to EQUAL.
    """
    scale, gap = max(abs(left), abs(right), _tiny), abs(left - right)
    if gap <= _zero * scale:
        return True
    if gap <= _tiny * scale:
        raise Inconclusive("two values that differ by less than can be told")
    return False
