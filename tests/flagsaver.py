"""Flags set for a while, as absl.testing.flagsaver does it, which however takes away every flag that a module imported
meanwhile has defined: the module stays, and misses its flags in the tests that follow in the same process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from absl import flags


@contextlib.contextmanager
def flagsaver(**values: Any) -> Iterator[None]:
    """Sets flags by name, and puts back what they were."""
    before = {name: flags.FLAGS[name].value for name in values}
    try:
        for name, value in values.items():
            flags.FLAGS[name].value = value
        yield
    finally:
        for name, value in before.items():
            flags.FLAGS[name].value = value
