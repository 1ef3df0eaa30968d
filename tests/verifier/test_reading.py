"""Characters, tokens and grammar: what an answer is read as."""

from fractions import Fraction

import pytest

from entropy_rl.verifier.characters import clean, printable
from entropy_rl.verifier.grammar import parse
from entropy_rl.verifier.lexer import tokens
from entropy_rl.verifier.nodes import (
    Based,
    Call,
    Constant,
    Group,
    Number,
    Relation,
    Symbol,
    TooLarge,
    Unparsable,
    signature,
    symbols,
)


def read(text):
    return parse(tokens(clean(text)))


ONE, TWO, X = Number(Fraction(1)), Number(Fraction(2)), Symbol("x")


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("2", TWO),
        (r"\frac12", Call("mul", (ONE, Call("inverse", (TWO,))))),
        (r"3\frac12", Number(Fraction(7, 2))),  # a mixed number, not a product
        ("1 1/2", Number(Fraction(3, 2))),
        ("2.50", Number(Fraction(5, 2), places=2)),
        (r"0.1\overline{6}", Number(Fraction(1, 6))),  # 1/10 + 6/90
        ("1.5e3", Number(Fraction(1500), places=0)),
        ("-x", Call("negative", (X,))),
        ("-x^2", Call("negative", (Call("pow", (X, TWO)),))),
        ("x^2^2", Call("pow", (X, Call("pow", (TWO, TWO))))),
        ("2x", Call("mul", (TWO, X))),
        ("1/2x", Call("mul", (ONE, Call("inverse", (TWO,)), X))),
        (r"\sin 2x", Call("sin", (Call("mul", (TWO, X)),))),
        (r"\sin^{-1} x", Call("arcsin", (X,))),
        ("sinx", Call("sin", (X,))),
        (r"\log_2 x", Call("log", (X, TWO))),
        ("|x|", Call("abs", (X,))),
        ("√2", Call("root", (TWO, TWO))),
        ("f(x)", Symbol("f(<x>)")),
        ("x_{12}", Symbol("x_12")),
        ("2π", Call("mul", (TWO, Constant("pi")))),
        ("11_2", Based("11", 2)),
        ("[1,2)", Group("[)", (ONE, TWO))),
        (r"\{1,2\}", Group("set", (ONE, TWO))),
        (r"x\le 1", Relation(("<=",), (X, ONE))),
        (r"\begin{pmatrix}1&x\end{pmatrix}", Group("matrix", (Group("list", (ONE, X)),))),
    ],
)
def test_what_a_text_is_read_as(text, node):
    assert read(text) == node


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2 3",
        "(1,2",
        "1)",
        "1+",
        "*2",
        r"\frac{1}",
        r"\foo{1}",
        "5!!",
        "12_2",
        "2_1",
        "x=",
        "[1,2,3)",
        "1&2",
        "()",
        "\x00",
    ],
)
def test_what_is_not_in_the_grammar(text):
    with pytest.raises(Unparsable):
        read(text)


@pytest.mark.parametrize("text", ["(" * 60 + "1" + ")" * 60, "1" * 3_001, "+".join("1" * 1_000), "1e9999", "x" * 4_001])
def test_what_is_too_large(text):
    with pytest.raises(TooLarge):
        read(text)


def test_a_long_sum_is_flat_and_a_limit_of_depth_is_one_of_brackets():
    assert len(read("+".join("1" * 700)).arguments) == 700
    assert read("(" * 38 + "x" + ")" * 38) == X


def test_spellings_become_one():
    assert clean(r"$\left( \dfrac{1}{2} ,\, 3 \right)$.") == r"( \frac{1}{2} , 3 )"
    assert clean("１２，５００") == "12, 500"
    assert clean("x²−3") == "x^{2}-3"
    assert clean(r"90^{\circ}") == clean("90°") == r"90 \degree"


def test_what_is_shown_is_safe_to_print_and_short():
    assert printable("a\x1b[31m\ud800\n") == "a\\x1b[31m\\ud800\\n"
    assert len(printable("x" * 1_000)) == 203


def test_signatures_tell_nodes_apart_and_take_numbers_of_any_length():
    texts = ["x+y", "xy", "x-y", "(x,y)", "[x,y]", r"\{x,y\}", "x=y", "x<y", "10^{5000}", "1e3000", "11_2", "11_3"]
    assert len({signature(read(text)) for text in texts}) == len(texts)
    assert symbols(read(r"x_1+\alpha\sin y + \pi")) == {"x_1", "alpha", "y"}
