"""Exact and numeric values, sets of numbers, units."""

from fractions import Fraction

import pytest

from entropy_rl.verifier import quantities
from entropy_rl.verifier.canonical import canonical
from entropy_rl.verifier.characters import clean
from entropy_rl.verifier.exact import NotExact, integer_root, quotient, rational
from entropy_rl.verifier.grammar import parse
from entropy_rl.verifier.intervals import intervals, same
from entropy_rl.verifier.lexer import tokens
from entropy_rl.verifier.nodes import TooLarge, Undefined, Unparsable
from entropy_rl.verifier.numeric import Evaluator, Inconclusive, close, points
from entropy_rl.verifier.quantities import Unit
from entropy_rl.verifier.scalars import constant


def read(text):
    return parse(tokens(clean(text)))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1/3+1/6", Fraction(1, 2)),
        ("8^{2/3}", Fraction(4)),  # (8^(1/3))^2
        (r"\sqrt[3]{-27}", Fraction(-3)),
        (r"\binom{6}{2}/3!", Fraction(15, 6)),
        (r"\lceil -2.5 \rceil", Fraction(-2)),
        ("(-1)^{10^{30}}", Fraction(1)),
        (r"\gcd(12,18)", Fraction(6)),
        ("50%", Fraction(1, 2)),
    ],
)
def test_rational_values_by_hand(text, value):
    assert rational(read(text)) == value


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (r"\sqrt{2}", NotExact),
        ("x", NotExact),
        ("1/0", Undefined),
        ("0^0", Undefined),
        ("2^{10^6}", TooLarge),
        ("2000!", TooLarge),
        (r"\binom{10^6}{2}", TooLarge),
        ("10^{4000}*10^{4000}", TooLarge),
    ],
)
def test_what_has_no_exact_value(text, error):
    with pytest.raises(error):
        rational(read(text))


def test_whole_roots_are_exact_for_numbers_that_floats_cannot_hold():
    assert integer_root(10**60, 3) == 10**20
    assert integer_root(10**60 + 1, 3) is None
    assert (integer_root(-8, 3), integer_root(-4, 2), integer_root(2, 64)) == (-2, None, None)


def test_quotients_of_polynomials_are_compared_by_cross_multiplication():
    one, other = (quotient(read(text), ("x",)) for text in (r"\frac{x^2-1}{x-1}", "x+1"))
    assert one[0] * other[1] == other[0] * one[1]
    with pytest.raises(NotExact):
        quotient(read("(x+y+z+w+u+v)^{60}"), ("u", "v", "w", "x", "y", "z"))


@pytest.mark.parametrize("text", ["10^{-70}", "10^{70}", "1+10^{-90}", r"\tanh 300", "e^{-1000}", r"\exp(10^6)"])
def test_values_that_could_hide_something_are_not_decided(text):
    with pytest.raises(Inconclusive):
        Evaluator({}, is_complex=False)(read(rf"\sqrt{{2}}({text})"))


def test_two_values_are_close_to_two_hundred_digits_or_not_at_all():
    one = constant(read(r"\sqrt{2}"))
    assert close(one, constant(read("2^{1/2}")))
    assert not close(one, one + one * 10**-30)
    with pytest.raises(Inconclusive):
        close(one, one * (1 + one.context.mpf(10) ** -100))


def test_points_follow_from_the_answers_and_cover_signs_and_sizes():
    first = points(("x", "y"), "a")
    assert first == points(("x", "y"), "a") != points(("x", "y"), "b")
    values = [float(point["x"]) for point in first]
    assert min(values) < -10 and max(values) > 10 and any(0 < value < 1 for value in values)
    assert max(float(point["x"]) for point in points(("x",), "a", far=10**6)) > 1000


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        (r"[0,1)\cup[1,2]", "[0,2]", True),  # they touch, and one end is closed
        (r"(0,1)\cup(1,2)", "(0,2)", False),
        (r"(0,2)\setminus\{1\}", r"(0,1)\cup(1,2)", True),
        ("(0,1)", "(0,1]", False),
        (r"[1,3]\cup[2,4]", "[1,4]", True),
        (r"x>1 ", r"(1,\infty)", True),
        (r"\{1\}\cup(1,2)", "[1,2)", True),
    ],
)
def test_sets_of_numbers(left, right, equal):
    assert same(intervals(read(left))[1], intervals(read(right))[1]) is equal


@pytest.mark.parametrize("text", ["5", "(2,1)", "x+1>y", "1<2<3", "(a,b)", "1<x>0"])
def test_what_is_no_set_of_numbers(text):
    with pytest.raises(Unparsable):
        intervals(read(text))


@pytest.mark.parametrize(
    ("text", "body", "unit"),
    [
        ("5 cm", "5", Unit(("cm",))),
        (r"5\text{ cm}^2", "5", Unit(("cm",), power=2)),
        ("5 square meters", "5", Unit(("m",), power=2)),
        ("5 million dollars", "5", Unit(("dollar",), scale=10**6)),
        ("$5", "5", Unit(("dollar",))),
        ("60 km per hour", "60", Unit(("km/h",))),
        ("2x", "2x", Unit()),
    ],
)
def test_a_unit_is_told_from_what_it_measures(text, body, unit):
    rest, found = quantities.split(tokens(clean(text)))
    assert ("".join(token.text for token in rest), found) == (body, unit)


@pytest.mark.parametrize(
    ("reference", "response", "expected"),
    [
        (Unit(("cm",)), Unit(("m",)), [100]),
        (Unit(("cm",), 2), Unit(("m",), 2), [10_000]),
        (Unit(("cm",)), Unit(), [1]),
        (Unit(("cm",)), Unit(("kg",)), []),
        (Unit(("apple",)), Unit(("orange",)), []),
        (Unit(("apple",)), Unit(("red", "apple")), [1]),
        (Unit(("percent",)), Unit(), [1, 100]),
        (Unit(), Unit(("percent",)), [1, Fraction(1, 100)]),
    ],
)
def test_by_what_a_unit_is_converted(reference, response, expected):
    assert quantities.factors(reference, response) == expected


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("0.50", "1/2"),
        ("(x-1)^2", "x^2 - 2*x + 1"),
        ("-x y^2 + 3", "-x*y^2 + 3"),
        ("b+a", "a + b"),
        (r"\sqrt{2}", "1.4142135623730950488"),
        (r"\{3,1\}", "{1, 3}"),
        ("(3,1)", "(3, 1)"),
        ("x=5", "5"),
        ("x-x", "0"),
    ],
)
def test_normal_forms(text, form):
    assert canonical(read(text)) == form
