"""A tokenizer over a handful of symbols, for tasks that need no subwords."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping, Sequence

PAD, EOS = "<pad>", "<eos>"
UNKNOWN = "\N{REPLACEMENT CHARACTER}"  # for ids beyond the symbols, which a model with a padded vocabulary can sample


@dataclasses.dataclass(frozen=True)
class SymbolTokenizer:
    """One token per symbol; ids 0 and 1 are padding and end of sequence.

    Attributes:
      symbols: the vocabulary after the two special tokens, each symbol once.
      spaced: symbols are words between spaces; otherwise each character is a symbol.
    """

    symbols: tuple[str, ...]
    spaced: bool

    @property
    def vocab_size(self) -> int:
        return 2 + len(self.symbols)

    @property
    def pad_id(self) -> int:
        return 0

    @property
    def eos_id(self) -> int:
        return 1

    @property
    def eos_ids(self) -> tuple[int, ...]:
        return (1,)

    @functools.cached_property
    def _ids(self) -> Mapping[str, int]:
        return {symbol: token for token, symbol in enumerate(self.symbols, start=2)}

    def encode(self, text: str) -> list[int]:
        """Token ids of a text, without an end of sequence.

        Raises:
          ValueError: if the text holds a symbol that is not in the vocabulary.
        """
        try:
            return [self._ids[symbol] for symbol in (text.split() if self.spaced else text)]
        except KeyError as error:
            raise ValueError(
                f"symbol {error.args[0]!a:.80} is not in the vocabulary; "
                f"the task writes with {' '.join(self.symbols)!r} "
                + ("and single spaces between symbols" if self.spaced else "and no spaces")
            ) from None

    def symbol(self, token: int) -> str:
        """The written form of any id, special tokens included."""
        if token < 0 or token >= self.vocab_size:
            return UNKNOWN
        return (PAD, EOS, *self.symbols)[token] if token < 2 else self.symbols[token - 2]

    def decode(self, tokens: Sequence[int]) -> str:
        """Text of any ids. Padding and end of sequence are dropped wherever they stand; unknown ids give U+FFFD."""
        written = [self.symbol(int(token)) for token in tokens if token not in (0, 1)]
        return (" " if self.spaced else "").join(written)
