"""Range checks of configuration fields: each error names the field, its value and the rule."""

from __future__ import annotations


def at_least(name: str, value: int, least: int) -> None:
    """Raises ValueError unless value >= least."""
    if value < least:
        raise ValueError(f"{name} is {value}; it must be at least {least}")


def positive(name: str, value: float) -> None:
    """Raises ValueError unless 0 < value < infinity."""
    if not 0 < value < float("inf"):
        raise ValueError(f"{name} is {value}; it must be a finite number > 0")
