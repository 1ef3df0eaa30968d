"""Reads pairs.txt: answers labelled by hand."""

from __future__ import annotations

import pathlib


def pairs() -> list[tuple[str, str, str, bool]]:
    """Group, reference, answer, and whether it is right."""
    found, group, reference = [], "", ""
    for line in (pathlib.Path(__file__).parent / "pairs.txt").read_text(encoding="utf-8").splitlines():
        sign, text = line[:1], line[2:]
        if sign == "#":
            group = text
        elif sign == "=":
            reference = text
        elif sign:
            found.append((group, reference, text, {"+": True, "-": False}[sign]))
    return found
