"""The indivisible phrases of an answer: numbers, names, brackets, fractions, roots, functions, matrices."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from entropy_rl.verifier import vocabulary
from entropy_rl.verifier.exact import NotExact, rational
from entropy_rl.verifier.lexer import Token
from entropy_rl.verifier.nodes import (
    ITEMS,
    Based,
    Call,
    Constant,
    Group,
    Node,
    Number,
    Relation,
    Symbol,
    TooLarge,
    Undefined,
    Unparsable,
    signature,
    size,
    substituted,
    symbols,
)

if TYPE_CHECKING:
    from entropy_rl.verifier.grammar import Parser

TERMS = 100  # of all sums and products in an answer together
SUMMED = 3_000  # operations in one sum, those of the sums within it included
LARGEST_EXPONENT = 6_000  # of 1e..., so that the number stays below BITS
_APPLIED = frozenset("fghFGHPQ")  # before a bracket these are functions, not factors
_CLOSERS = {"(": (")", "]"), "[": ("]", ")"), "{": ("}",), "\\{": ("\\}",)}
_FLOORS = {"lfloor": ("rfloor", "floor"), "lceil": ("rceil", "ceil")}
_TWO = ("max", "min", "gcd", "lcm")


def atom(parser: Parser) -> Node:
    """number | name | bracket | |...| | \\frac | \\sqrt | \\binom | function | matrix"""
    parser.enter()
    token = parser.take()
    if token.kind in ("number", "mixed", "repeating"):
        node = _based(parser, token)
    elif token.kind == "symbol":
        node = _symbol(parser, token.text)
    elif token.kind == "word":
        node = Symbol(token.text)
    elif token.kind == "constant":
        node = Constant(token.text)
    elif token.kind in _CLOSERS:
        node = _bracket(parser, token.kind)
    elif token.kind == "|":
        parser.bars += 1
        inside = parser.sum()
        parser.bars -= 1
        parser.expect("|")
        node = Call("abs", (inside,))
    elif token.kind == "function":
        node = _function(parser, token.text)
    elif token.kind == "begin":
        node = _matrix(parser, token.text)
    elif token.kind == "command":
        node = _command(parser, token.text)
    else:
        raise Unparsable(f"unexpected {token.text or 'end'!a}")
    parser.leave()
    return node


def number(token: Token) -> Number:
    """The exact value of a number as written."""
    if token.kind == "mixed":
        whole, part = token.text.split(maxsplit=1)
        return Number(int(whole) + _ratio(*part.split("/")))
    if token.kind == "repeating":
        written, period = token.text.split("\\")
        digits = "".join(filter(str.isdigit, period))
        places = len(written.split(".")[1])
        repeated = Fraction(int(digits), 10**places * (10 ** len(digits) - 1))
        return Number((Fraction(written + "0") if written[-1] == "." else Fraction(written)) + repeated)
    mantissa, _, exponent = token.text.replace("E", "e").partition("e")
    if exponent and abs(int(exponent)) > LARGEST_EXPONENT:
        raise TooLarge(f"a number with exponent {exponent[:20]}")
    value = Fraction(mantissa.rstrip(".") or "0") * Fraction(10) ** int(exponent or 0)
    places = len(mantissa.partition(".")[2]) - int(exponent or 0)
    return Number(value, max(places, 0) if "." in mantissa.rstrip(".") or exponent else None)


def _ratio(above: str, below: str) -> Fraction:
    if int(below) == 0:
        raise Unparsable("a fraction over zero")
    return Fraction(int(above), int(below))


def plain_fraction(node: Node) -> Fraction | None:
    """The value of a fraction of two whole numbers."""
    if isinstance(node, Call) and node.name == "mul" and len(node.arguments) == 2:
        above, below = node.arguments
        if isinstance(below, Call) and below.name == "inverse":
            below = below.arguments[0]
            if isinstance(above, Number) and isinstance(below, Number) and below.value:
                whole = above.value.denominator == below.value.denominator == 1
                return above.value / below.value if whole else None
    return None


def _based(parser: Parser, token: Token) -> Node:
    """A number, or digits in a base: 1010_2, 1010_{two}."""
    if not parser.at("_"):
        return number(token)
    parser.take()
    base = _argument(parser)
    if isinstance(base, Symbol) and base.name in vocabulary.NUMERALS:
        base = Number(Fraction(vocabulary.NUMERALS[base.name]))
    if not (
        isinstance(base, Number) and base.value.denominator == 1 and 2 <= base.value <= 36 and token.text.isdigit()
    ):
        raise Unparsable("a subscript that is no base between 2 and 36")
    if any(int(digit) >= base.value for digit in token.text):
        raise Unparsable(f"{token.text[:20]} has a digit that base {base.value} has not")
    return Based(token.text.lstrip("0") or "0", int(base.value))


def _symbol(parser: Parser, name: str) -> Node:
    if parser.at("_"):
        parser.take()
        name += "_" + _subscript(parser)
    if name[0] in _APPLIED and parser.at("(") and not parser.peek().spaced:
        parser.take()
        arguments, _ = parser.items((")",))
        return Symbol(f"{name}({', '.join(map(signature, arguments))})")
    return Symbol(name)


def _subscript(parser: Parser) -> str:
    """The text of a subscript: a single token, or a short group of names and digits."""
    if not parser.at("{"):
        return parser.take().text[:20]
    parser.take()
    parts = []
    while not parser.at("}", "end") and len(parts) < 8:
        parts.append(parser.take().text[:20])
    parser.expect("}")
    return "".join(parts)


def _bracket(parser: Parser, kind: str) -> Node:
    bars, parser.bars = parser.bars, 0
    if kind == "\\{" and parser.at("symbol") and (parser.peek(1).kind in (":", "|") or parser.peek(1).text == "in"):
        return _described(parser, bars)
    items, closer = parser.items(_CLOSERS[kind])
    parser.bars = bars
    if len(items) > ITEMS:
        raise TooLarge(f"more than {ITEMS} items")
    if kind == "\\{":
        return Group("set", tuple(items)) if items else Constant("empty")
    if kind == "{" and len(items) == 1:
        return items[0]
    if not items:
        raise Unparsable("empty brackets")
    matching = (kind, closer) in (("(", ")"), ("[", "]"))
    if len(items) == 1 and matching and not isinstance(items[0], Relation):
        return items[0]
    if kind == "{":
        return Group("set", tuple(items))
    if len(items) == 1 or (not matching and len(items) != 2):
        raise Unparsable("brackets that do not match")
    return Group(kind + closer, tuple(items))


def _described(parser: Parser, bars: int) -> Node:
    """{x : x > 2}, {x in R | x < -2 or x > 2}: a set by its condition."""
    name = parser.take().text
    if parser.peek().text == "in":
        parser.take()
        if parser.take() != Token("constant", "reals", parser.peek(-1).spaced):
            raise Unparsable("a set of something other than real numbers")
    if not parser.at(":", "|"):
        raise Unparsable("a set without a condition")
    parser.take()
    conditions, joints = [parser.relation()], set()
    while parser.at("joint") and len(conditions) < ITEMS:
        joints.add(parser.take().text)
        conditions.append(parser.relation())
    parser.expect("\\}")
    parser.bars = bars
    if not all(isinstance(each, Relation) and name in symbols(each) for each in conditions) or len(joints) > 1:
        raise Unparsable("a set whose condition is not on its variable")
    return conditions[0] if len(conditions) == 1 else Group("list", tuple(conditions), joints.pop())


def _argument(parser: Parser) -> Node:
    """The argument of a command: a group in braces, or a single token (of a number, its first digit)."""
    if parser.at("number"):
        return parser.split_digit()
    if parser.at("command") and not parser.at_command("frac", "sqrt", "binom"):
        raise Unparsable(f"unexpected command {parser.peek().text[:20]!a}")
    return atom(parser)


def _command(parser: Parser, name: str) -> Node:
    if name == "frac":
        above, below = _argument(parser), _argument(parser)
        return Call("mul", (above, Call("inverse", (below,))))
    if name == "binom":
        return Call("binomial", (_argument(parser), _argument(parser)))
    if name in ("sqrt()", "cbrt()"):  # sqrt 2, sqrt(2)
        return Call("root", (atom(parser), Number(Fraction(2 if name == "sqrt()" else 3))))
    if name == "sqrt":
        index: Node = Number(Fraction(2))
        if parser.at("["):
            parser.take()
            (index,), _ = _exactly(parser.items(("]",)), 1)
        return Call("root", (_argument(parser), index))
    if name in ("sum", "prod"):
        return _finite(parser, "add" if name == "sum" else "mul")
    if name in _FLOORS:
        closer, function = _FLOORS[name]
        inside = parser.sum()
        if not parser.at_command(closer):
            raise Unparsable(f"\\{name} without \\{closer}")
        parser.take()
        return Call(function, (inside,))
    raise Unparsable(f"unknown command {name[:20]!a}")


def _finite(parser: Parser, operation: str) -> Node:
    """\\sum_{k=1}^{10} k^2: a sum or product over whole numbers, term by term."""
    parser.expect("_")
    parser.expect("{")
    start = parser.relation()
    parser.expect("}")
    parser.expect("^")
    ends = [start.sides[1] if isinstance(start, Relation) and start.signs == ("=",) else start, parser.exponent()]
    try:
        low, high = map(rational, ends)
    except (NotExact, Undefined) as error:
        raise Unparsable("a sum without two whole bounds") from error
    index = start.sides[0] if isinstance(start, Relation) else start
    body = parser.product()
    if not isinstance(index, (Symbol, Constant)) or low.denominator != 1 or high.denominator != 1 or not low <= high:
        raise Unparsable("a sum without two whole bounds")
    if any(index.name in name and name != index.name for name in symbols(body)):
        raise Unparsable("a sum over the terms of a sequence")
    count = min(int(high - low), TERMS) + 1
    parser.terms += count
    if parser.terms > TERMS or count * size(body) > SUMMED:
        raise TooLarge(f"sums of more than {TERMS} terms or {SUMMED} operations")
    values = [Number(low + step) for step in range(count)]
    return Call(operation, tuple(substituted(body, index.name, value) for value in values))


def _exactly(found: tuple[list[Node], str], count: int) -> tuple[list[Node], str]:
    if len(found[0]) != count:
        raise Unparsable(f"{len(found[0])} arguments where {count} belong")
    return found


def _function(parser: Parser, name: str) -> Node:
    """sin x, sin(x), sin^2 x, log_2 x, max(a, b)"""
    exponent: Node | None = None
    base: Node | None = None
    for _ in range(2):
        if parser.at("^") and exponent is None:
            parser.take()
            exponent = parser.exponent()
        elif parser.at("_") and base is None:
            parser.take()
            base = _argument(parser)
    if parser.at("("):
        parser.take()
        arguments, _ = parser.items((")",))
    else:
        arguments = [parser.product(bare=True)]
    if (len(arguments) != 1 and name not in _TWO) or not 1 <= len(arguments) <= ITEMS:
        raise Unparsable(f"{len(arguments)} arguments of {name}")
    if base is not None and name != "log":
        raise Unparsable(f"a subscript of {name}")
    if exponent == Call("negative", (Number(Fraction(1)),)) and name in ("sin", "cos", "tan", "cot", "sec", "csc"):
        return Call("arc" + name, tuple(arguments))
    node = Call(name, tuple(arguments) if base is None else (arguments[0], base))
    return node if exponent is None else Call("pow", (node, exponent))


def _system(parser: Parser) -> Node:
    """\\begin{cases} x = 2 \\\\ y = 3 \\end{cases}: equations that hold together; a function in pieces is not read."""
    rows, parser.in_system = [], True
    while not parser.at("end") or parser.peek().text == "":
        rows.append(parser.relation())
        if not isinstance(rows[-1], Relation):
            raise Unparsable("a case that is no equation")
        if parser.at(","):
            parser.take()
        if parser.at_command("\\"):
            parser.take()
        elif not parser.at("end"):
            raise Unparsable("cases that are not separated")
    parser.in_system = False
    if parser.take().text != "cases" or not rows:
        raise Unparsable("cases that do not end")
    if len(rows) > ITEMS:
        raise TooLarge(f"more than {ITEMS} cases")
    return Group("list", tuple(rows))


def _matrix(parser: Parser, name: str) -> Node:
    """\\begin{pmatrix} a & b \\\\ c & d \\end{pmatrix}"""
    if name == "cases":
        return _system(parser)
    if name not in ("pmatrix", "bmatrix", "matrix", "smallmatrix", "array", "Bmatrix"):
        raise Unparsable(f"environment {name[:20]!a}")
    rows: list[list[Node]] = [[]]
    while not parser.at("end"):
        rows[-1].append(parser.sum())
        if parser.at("&"):
            parser.take()
        elif parser.at_command("\\"):
            parser.take()
            rows += [[]] if not parser.at("end") else []
        elif not parser.at("end"):
            raise Unparsable("a matrix whose cells are not separated")
    if parser.take().text != name:
        raise Unparsable("a matrix that does not end")
    if not rows[0] or len({len(row) for row in rows}) != 1:
        raise Unparsable("a matrix with rows of different lengths")
    if sum(map(len, rows)) > ITEMS:
        raise TooLarge(f"a matrix of more than {ITEMS} cells")
    return Group("matrix", tuple(Group("list", tuple(row)) for row in rows))
