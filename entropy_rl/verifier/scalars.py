"""Whether two expressions are equal: exactly where they are rational, else to 200 digits."""

from __future__ import annotations

import functools
from fractions import Fraction
from typing import Any

from entropy_rl.verifier.exact import NotExact, quotient, rational
from entropy_rl.verifier.nodes import (
    Call,
    Constant,
    Group,
    Node,
    Number,
    Relation,
    TooLarge,
    Undefined,
    children,
    contains,
    signature,
    symbols,
)
from entropy_rl.verifier.numeric import POINTS, Evaluator, Inconclusive, close, points

COMPARISONS = 300  # of expressions, in one verdict
AGREEING = 3  # points that must agree before two functions are equal
NAMES = 12  # variables in one comparison


class Undecidable(Exception):
    """The fault lies with the reference, so that the response can be neither right nor wrong."""


class Scalars:
    """Compares expressions for one verdict, and counts what that costs.

    Attributes:
      rounding: a reference that is a decimal of at least four digits, three of them behind the point, also stands for
        the numbers that round to it.
    """

    def __init__(self, rounding: bool = True) -> None:
        self.rounding, self._left = rounding, COMPARISONS

    def equal(self, reference: Node, response: Node) -> bool:
        """Whether they are equal wherever the reference is defined.

        Raises:
          Undecidable: if the reference cannot be worked out.
          TooLarge, Undefined, Inconclusive: if the response cannot.
        """
        self._left -= 1
        if self._left < 0:
            raise TooLarge(f"more than {COMPARISONS} comparisons")
        if isinstance(reference, (Group, Relation)) or isinstance(response, (Group, Relation)):
            return False
        endless = _infinite(reference), _infinite(response)
        if any(endless):
            return endless[0] == endless[1]
        if reference == response:
            return True
        names = tuple(sorted(symbols(reference) | symbols(response)))
        if len(names) > NAMES:
            raise TooLarge(f"more than {NAMES} variables")
        if names:
            return _same_function(reference, response, names)
        truth, given = of_reference(_exact, reference), _exact(response)
        if truth is not None and given is not None:
            return truth == given or self._rounds(reference, response, given)
        if close(of_reference(constant, reference), constant(response)):
            return True
        return given is None and self._rounds(reference, response, None)

    def _rounds(self, reference: Node, response: Node, given: Fraction | None) -> bool:
        """Whether the response has more digits than a decimal reference, and rounds to it."""
        sign = 1
        if isinstance(reference, Call) and reference.name == "negative":
            reference, sign = reference.arguments[0], -1
        if not (self.rounding and isinstance(reference, Number) and reference.places and reference.places >= 3):
            return False
        shifted = abs(reference.value) * 10**reference.places
        if shifted < 1000:
            return False
        if given is None:
            value = constant(response)
            given = Fraction(int(value * 10**30), 10**30) if not hasattr(value, "_mpc_") else None
        return given is not None and abs(sign * reference.value - given) <= Fraction(1, 2 * 10**reference.places)


def _exact(node: Node) -> Fraction | None:
    try:
        return rational(node)
    except NotExact:
        return None


def of_reference(function: Any, *arguments: Any) -> Any:
    """The value of a function of the reference; what goes wrong in it is `Undecidable`."""
    try:
        return function(*arguments)
    except (TooLarge, Undefined, Inconclusive) as error:
        raise Undecidable(f"the reference cannot be worked out: {error}") from error


def _infinite(node: Node) -> str:
    """A name for plus and minus infinity, and for sets that are written as constants; nothing for other nodes."""
    if isinstance(node, Constant) and node.name in ("infinity", "reals", "empty"):
        return node.name
    if isinstance(node, Call) and node.name == "negative" and _infinite(node.arguments[0]) == "infinity":
        return "-infinity"
    return ""


@functools.lru_cache(maxsize=1024)
def constant(node: Node) -> Any:
    """The value of an expression without variables: real if it can be, else complex.

    Raises:
      TooLarge, Undefined, Inconclusive: see numeric.Evaluator.
    """
    if not contains(node, "i"):
        try:
            return Evaluator({}, is_complex=False)(node)
        except Undefined:
            pass  # the root of a negative number, or no value at all
    return Evaluator({}, is_complex=True)(node)


def _same_function(reference: Node, response: Node, names: tuple[str, ...]) -> bool:
    if symbols(response) - symbols(reference) and not symbols(reference):
        return False  # a variable where a number is asked for
    truth = given = None
    try:
        truth = of_reference(quotient, reference, names)
        given = quotient(response, names)
    except NotExact:
        pass
    if truth and given:
        return truth[0] * given[1] == given[0] * truth[1]
    return _agree(reference, response, names)


def _points(reference: Node, response: Node, names: tuple[str, ...]) -> list[dict[str, Fraction]]:
    far = max(1000, *(min(4 * _largest(node), 10**12) for node in (reference, response)))
    return points(names, f"{signature(reference)}={signature(response)}", far)


def _largest(node: Node) -> int:
    """The largest number in an expression, rounded up."""
    if isinstance(node, Number):
        return abs(node.value.numerator) // node.value.denominator + 1
    return max(map(_largest, children(node)), default=0)


def _agree(reference: Node, response: Node, names: tuple[str, ...]) -> bool:
    """Whether two functions agree at every point at which the reference has a value."""
    is_complex = contains(reference, "i") or contains(response, "i")
    agreed = left_out = 0
    for point in _points(reference, response, names):
        if agreed == POINTS:
            break
        try:
            truth = Evaluator(point, is_complex)(reference)
        except (Undefined, Inconclusive):
            continue  # outside its domain, or of its range here
        try:
            if not close(truth, Evaluator(point, is_complex)(response)):
                return False
            agreed += 1
        except Undefined:
            return False
        except Inconclusive:
            if not contains(response, "factorial", "binomial"):
                raise
            left_out += 1  # they leave the range soon
    if agreed < AGREEING and left_out:
        raise Inconclusive("too few values to compare")
    if agreed < AGREEING:
        raise Undecidable("the reference has too few values to compare")
    return True


def proportional(reference: Node, response: Node) -> Fraction | int:
    """The sign of c if reference = c * response with a real c that is not 0, else 0; both depend on a variable.

    Raises:
      as `Scalars.equal`.
    """
    names = tuple(sorted(symbols(reference) | symbols(response)))
    if not names or len(names) > NAMES or symbols(reference) != symbols(response):
        return 0
    try:
        truth, given = of_reference(quotient, reference, names), quotient(response, names)
    except NotExact:
        return _numerically_proportional(reference, response, names)
    left, right = truth[0] * given[1], given[0] * truth[1]
    if not left or not right or left * right.LC != right * left.LC:
        return 0
    return 1 if (left.LC > 0) == (right.LC > 0) else -1


def _numerically_proportional(reference: Node, response: Node, names: tuple[str, ...]) -> int:
    is_complex, ratio, agreed = contains(reference, "i") or contains(response, "i"), None, 0
    for point in _points(reference, response, names):
        if agreed == POINTS:
            break
        try:
            truth = Evaluator(point, is_complex)(reference)
        except (Undefined, Inconclusive):
            continue
        try:
            given = Evaluator(point, is_complex)(response)
        except Undefined:
            return 0
        if abs(given) < 1e-50 or abs(truth) < 1e-50:
            return 0
        if ratio is not None and not close(ratio, truth / given):
            return 0
        ratio, agreed = truth / given, agreed + 1
    if ratio is None or agreed < AGREEING:
        raise Undecidable("the reference has too few values to compare")
    return 0 if hasattr(ratio, "_mpc_") else (1 if ratio > 0 else -1)
