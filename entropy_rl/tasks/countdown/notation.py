"""How Countdown is written down: one token per number, or one per digit, in a grammar that reads back strictly."""

from __future__ import annotations

import dataclasses
import functools
import re
from collections.abc import Iterable

from entropy_rl.problem import Role
from entropy_rl.tasks.countdown.arithmetic import Step
from entropy_rl.tasks.symbols import SymbolTokenizer

# ASCII only: `\d` and `int` also take digits of other scripts. The bound keeps `int` away from very long strings.
_NUMBER = "(?:0|[1-9][0-9]{0,8})"
MAX_STEP_CHARACTERS = 64  # three numbers of 9 digits, two symbols and spaces are well below


@dataclasses.dataclass(frozen=True, slots=True)
class Notation:
    """Spaced: `8 6 9 : 24 >` and `6 + 9 = 15 15 + 8 = 23`. Unspaced: `8,6,9:24>` and `6+9=15,15+8=23`."""

    spaced: bool

    @property
    def _space(self) -> str:
        return " " if self.spaced else ""

    @property
    def _separator(self) -> str:
        return " " if self.spaced else ","

    def prompt(self, numbers: Iterable[int], target: int) -> str:
        space = self._space
        return f"{self._separator.join(map(str, numbers))}{space}:{space}{target}{space}>"

    def response(self, steps: Iterable[Step]) -> str:
        return self._separator.join(self._space.join(map(str, (a, o, b, "=", c))) for a, o, b, c in steps)

    def continued(self, opening: str) -> str:
        """An opening of a response as it stands behind a prompt, so that what is sampled next begins a step."""
        if not opening:
            return ""
        return f" {opening}" if self.spaced else f"{opening},"

    def tokenizer(self, operators: tuple[str, ...], largest: int) -> SymbolTokenizer:
        """The vocabulary of the notation; `largest` is the largest number that can be written."""
        numbers = range(largest + 1) if self.spaced else range(10)
        punctuation = (":", ">", "=") if self.spaced else (":", ">", "=", ",")
        return SymbolTokenizer((*punctuation, *operators, *map(str, numbers)), self.spaced)

    @property
    def response_pattern(self) -> str:
        """A regular expression that matches, in full, every response written as the task asks."""
        step = _step_pattern(self.spaced, capture=False)
        return f"{step}(?:{' +' if self.spaced else ','}{step})*"

    def parse(self, text: str) -> tuple[list[Step], int | None]:
        """Reads steps until one is malformed.

        Returns:
          The steps read, and the position at which reading stopped early; None if all of the text was read.
        """
        step_then_end = _reader(self.spaced)
        steps: list[Step] = []
        position = 0
        while position < len(text) or not steps:
            match = step_then_end.match(text, position)
            if match is None:
                return steps, position
            left, operator, right, result = match.groups()
            steps.append(Step(int(left), operator, int(right), int(result)))
            position = match.end()
        return steps, None

    def roles(self, symbols: Iterable[str], operators: tuple[str, ...]) -> list[Role]:
        """Labels each written symbol by what it does; a local rule, so that broken responses are labelled too.

        Planning: an operator, and an operand (its first digit, where digits are tokens: the others mostly copy).
        Execution: `=`, the separator, a result, and the digits after an operand's first.
        """
        roles = []
        previous = ""
        for symbol in symbols:
            if symbol in operators:
                role = Role.PLANNING
            elif symbol in ("=", ","):
                role = Role.EXECUTION
            elif not symbol.isdecimal():
                role = Role.OTHER
            elif previous == "=" or (not self.spaced and previous.isdecimal()):
                role = Role.EXECUTION
            else:
                role = Role.PLANNING
            roles.append(role)
            previous = symbol
        return roles


def _step_pattern(spaced: bool, capture: bool) -> str:
    number, operator = f"({_NUMBER})" if capture else _NUMBER, "([-+*/])" if capture else "[-+*/]"
    return (" +" if spaced else "").join((number, operator, number, "=", number))


@functools.cache
def _reader(spaced: bool) -> re.Pattern[str]:
    separator = " +" if spaced else ","
    return re.compile(rf"{_step_pattern(spaced, capture=True)}(?:{separator}(?!\Z)|\Z)")
