"""Tokens to nodes, by recursive descent; flat chains stay flat, so that depth is the depth of brackets."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from entropy_rl.verifier import atoms
from entropy_rl.verifier.lexer import Token
from entropy_rl.verifier.nodes import (
    DEPTH,
    Call,
    Constant,
    Group,
    Node,
    Number,
    Relation,
    TooLarge,
    Unparsable,
    add,
    multiply,
)

_END = Token("end", "")
_STARTS = frozenset(
    ("number", "mixed", "repeating", "symbol", "constant", "function", "word", "(", "[", "{", "\\{", "begin")
)
_MODULO = ("pmod", "bmod", "mod")
_STARTING_COMMANDS = frozenset(("sum", "prod", "frac", "sqrt", "sqrt()", "cbrt()", "binom", "lfloor", "lceil"))


def parse(tokens: Sequence[Token]) -> Node:
    """One answer: an expression, a relation, or something in brackets.

    Raises:
      Unparsable: if the tokens are not in the grammar.
      TooLarge: if they are nested too deep.
    """
    parser = Parser(tokens)
    node = parser.residue()
    if parser.peek() is not _END:
        raise Unparsable(f"unexpected {parser.peek().text!a} after a complete answer")
    return node


def _scaled_matrix(factors: Sequence[Node]) -> Node:
    """A product; a number times one matrix is worked out."""
    places = [place for place, factor in enumerate(factors) if isinstance(factor, Group) and factor.kind == "matrix"]
    if len(places) != 1 or len(factors) == 1 or any(isinstance(factor, Relation) for factor in factors):
        return multiply(*factors)
    others = [factor for place, factor in enumerate(factors) if place != places[0]]
    matrix = factors[places[0]]
    if not isinstance(matrix, Group) or any(isinstance(other, Group) for other in others):
        return multiply(*factors)
    rows = [row.items for row in matrix.items if isinstance(row, Group)]
    scaled = [Group("list", tuple(multiply(*others, cell) for cell in row)) for row in rows]
    return Group("matrix", tuple(scaled))


class Parser:
    """A position in a list of tokens. Each method reads one kind of phrase; see the method for its form."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens, self._next, self._depth, self.bars, self.terms = list(tokens), 0, 0, 0, 0
        self.in_system = False

    def peek(self, ahead: int = 0) -> Token:
        """The next token, left where it is."""
        place = self._next + ahead
        return self._tokens[place] if place < len(self._tokens) else _END

    def take(self) -> Token:
        """The next token, read."""
        token = self.peek()
        self._next += 1
        return token

    def at(self, *kinds: str) -> bool:
        """Whether the next token is of one of these kinds."""
        return self.peek().kind in kinds

    def at_command(self, *names: str) -> bool:
        """Whether the next token is one of these commands."""
        return self.peek().kind == "command" and self.peek().text in names

    def expect(self, kind: str) -> Token:
        """The next token, read, if it is of this kind."""
        if not self.at(kind):
            raise Unparsable(f"expected {kind!a} but found {self.peek().text or 'the end'!a}")
        return self.take()

    def split_digit(self) -> Node:
        """The first digit of a number, as TeX reads \\frac12; the rest stays."""
        token = self.take()
        digits = token.text
        if len(digits) > 1:
            self._next -= 1
            self._tokens[self._next] = Token("number", digits[1:])
        return Number(Fraction(int(digits[0]))) if digits[0].isdigit() else atoms.number(token)

    def enter(self) -> None:
        """One level deeper; undone by `leave`."""
        self._depth += 1
        if self._depth > DEPTH:
            raise TooLarge(f"nested deeper than {DEPTH}")

    def leave(self) -> None:
        """One level up."""
        self._depth -= 1

    def residue(self) -> Node:
        """relation (\\pmod{n})?"""
        node = self.relation()
        opened = self.at("(") and self.peek(1).kind == "command" and self.peek(1).text in _MODULO
        if opened:
            self.take()
        if not self.at_command(*_MODULO):
            return node
        self.take()
        modulus = self.union()
        if opened:
            self.expect(")")
        return Group("modulo", (node, modulus))

    def relation(self) -> Node:
        """ratio (sign ratio)*"""
        sides, signs = [self.ratio()], []
        while self.at("relation"):
            signs.append(self.take().text)
            sides.append(self.ratio())
        return Relation(tuple(signs), tuple(sides)) if signs else sides[0]

    def ratio(self) -> Node:
        """union (: union)*"""
        sides = [self.union()]
        while self.at(":") or (self.at("relation") and self.peek().text == ":"):
            self.take()
            sides.append(self.union())
        return sides[0] if len(sides) == 1 else Group("ratio", tuple(sides))

    def union(self) -> Node:
        """sum (\\cup sum)*, sum \\setminus sum"""
        items = [self.sum()]
        while self.at_command("cup"):
            self.take()
            items.append(self.sum())
        node = items[0] if len(items) == 1 else Group("union", tuple(items))
        if self.at_command("setminus", "backslash") or (self.at_command("\\") and not self.in_system):
            self.take()
            return Group("difference", (node, self.sum()))
        if isinstance(node, Call) and node.name == "add" and node.arguments[0] == Constant("reals"):
            removed = node.arguments[1]  # R - {0}
            if len(node.arguments) == 2 and isinstance(removed, Call) and removed.name == "negative":
                return Group("difference", (node.arguments[0], removed.arguments[0]))
        return node

    def sum(self) -> Node:
        """product ((+ | - | +- | -+) product)*"""
        terms = []
        while True:
            sign = self._sign()
            if sign == "" and terms:
                return add(*terms)
            term = self.product()
            terms.append(term if sign in ("", "+") else Call(sign, (term,)))

    def _sign(self) -> str:
        """The sign that a row of signs makes: "" if there is none, else "+", "negative", "plusminus", "minusplus"."""
        sign = ""
        while self.at("+", "-") or self.at_command("pm", "mp"):
            token = self.take()
            if token.kind == "command":
                if sign in ("plusminus", "minusplus"):
                    raise Unparsable("two signs of two values each in a row")
                upper = (token.text == "pm") != (sign == "negative")
                sign = "plusminus" if upper else "minusplus"
            elif token.kind == "-":
                flipped = {"": "negative", "+": "negative", "negative": "+"}
                sign = flipped.get(sign) or {"plusminus": "minusplus"}.get(sign, "plusminus")
            else:
                sign = sign or "+"
        return sign

    def product(self, bare: bool = False) -> Node:
        """power ((* | / | nothing) power)*

        Args:
          bare: the argument of a function without brackets: ends at an operator, another function, or a bracket.
        """
        factors = [self.power()]
        while True:
            if not bare and self.at("*", "/"):
                inverted = self.take().kind == "/"
                sign = self._sign()
                factor = self.power()
                factor = Call("negative", (factor,)) if sign == "negative" else factor
                if sign in ("plusminus", "minusplus"):
                    factor = Call(sign, (factor,))
                factors.append(Call("inverse", (factor,)) if inverted else factor)
            elif self._starts_factor(bare):
                self._beside(factors)
            else:
                return _scaled_matrix(factors)

    def _starts_factor(self, bare: bool) -> bool:
        token = self.peek()
        if token.kind == "command":
            return token.text in _STARTING_COMMANDS or (token.text == "choose" and False)
        if token.kind == "|":
            return self.bars == 0 and not bare
        return token.kind in _STARTS and not (bare and token.kind in ("function", "(", "[", "word"))

    def _beside(self, factors: list[Node]) -> None:
        """A factor that stands beside another without a sign; a whole number before a fraction is a mixed number."""
        token, before = self.peek(), self.peek(-1)
        if token.kind in ("number", "mixed", "repeating") and before.kind in ("number", "mixed", "repeating"):
            raise Unparsable(f"two numbers side by side, {before.text[:20]} and {token.text[:20]}")
        if token.kind == "word" or before.kind == "word":
            raise Unparsable(f"words beside an expression: {token.text[:20]!a}")
        is_fraction = self.at_command("frac")
        factor = self.power()
        whole = factors[-1]
        if is_fraction and before.kind == "number" and isinstance(whole, Number) and whole.value.denominator == 1:
            part = atoms.plain_fraction(factor)
            if part is not None and 0 < part < 1:
                factors[-1] = Number(whole.value + part)
                return
        factors.append(factor)

    def power(self) -> Node:
        """atom (! | % | degrees | _ base)* (^ exponent)?"""
        node = atoms.atom(self)
        for _ in range(4):
            if self.at("!"):
                self.take()
                if self.at("!"):
                    raise Unparsable("a double factorial")
                node = Call("factorial", (node,))
            elif self.at("%"):
                self.take()
                node = multiply(node, Number(Fraction(1, 100)))
            elif self.at_command("degree"):
                self.take()
                node = Call("degree", (node,))
            elif self.at("^"):
                self.take()
                node = Call("pow", (node, self.exponent()))
            else:
                return node
        raise Unparsable("more than four exponents or factorials in a row")

    def exponent(self) -> Node:
        """{...}, or a sign and one power; exponents on exponents bind to the right."""
        self.enter()
        negative = False
        if self.at("-", "+"):
            negative = self.take().kind == "-"
        node = self.power()
        self.leave()
        return Call("negative", (node,)) if negative else node

    def items(self, closers: Sequence[str]) -> tuple[list[Node], str]:
        """relation ((, | ;) relation)* and a bracket of one of these kinds."""
        found = []
        if not self.at(*closers):
            found.append(self.relation())
            while self.at(",", ";"):
                self.take()
                found.append(self.relation())
        if not self.at(*closers):
            raise Unparsable(f"expected a closing bracket but found {self.peek().text or 'the end'!a}")
        return found, self.take().kind
