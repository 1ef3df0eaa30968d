"""Text from a run folder, which a model or anyone else may have written, made fit to be shown."""

from __future__ import annotations

import unicodedata
from typing import Any

MOST_LETTERS = 4_000  # of a prompt, or of a response without tokens


def visible(text: Any, most: int = MOST_LETTERS) -> str:
    """Untrusted text as it may be shown: control and direction characters made visible, unpaired surrogates replaced.

    Escaping for HTML is the template's part; this removes what escaping leaves: NUL, which HTML may not hold,
    characters that reorder the line they stand in, and surrogates, which no UTF-8 file can hold.
    """
    text = str(text)
    shown = "".join(_visible_letter(letter) for letter in text[:most])
    return shown if len(text) <= most else f"{shown} … ({len(text) - most} more characters)"


def _visible_letter(letter: str) -> str:
    if letter in "\n\t" or " " <= letter <= "~":
        return letter
    category = unicodedata.category(letter)
    if letter < " ":
        return chr(0x2400 + ord(letter))
    if category in ("Cc", "Cf", "Cs"):
        return f"⟨U+{ord(letter):04X}⟩"
    return letter
