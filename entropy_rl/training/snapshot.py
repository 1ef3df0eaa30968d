"""A run's config as a Python file in its folder: what evaluates it later, and what another run can start from."""

from __future__ import annotations

import dataclasses
import pathlib
import tempfile
from collections.abc import Iterator, Mapping
from typing import Any

from etils import epath

from entropy_rl import overrides, presets
from entropy_rl.config import Config

FILE = "config.py"


def as_python(config: Config) -> str:
    """A config file whose `get_config()` gives this config; objects of this process alone are `Absent` in it."""
    imports = sorted({f"from {kind.__module__} import {kind.__qualname__}" for kind in _classes(config)})
    body = overrides.describe(config, readable=True).replace("\n", "\n    ")
    if "Absent(" in body:
        imports.append("from entropy_rl.absent import Absent")
    if "inf" in body:
        imports.append("from math import inf")
    return (
        '"""The resolved config of this run, written when it was started or resumed."""\n\n'
        + "\n".join(imports)
        + f"\n\n\ndef get_config() -> Config:\n    return {body}\n"
    )


def load(folder: epath.Path) -> Config:
    """The config that a run's folder holds.

    Raises:
      ValueError: if it has none, or one that cannot be run.
    """
    path = folder / FILE
    if not path.exists():
        raise ValueError(f"{folder} holds no {FILE}; name the --workdir of a training run, or pass its --config")
    with tempfile.TemporaryDirectory() as local:  # the run may be in a bucket, and its folder is no package of configs
        copy = pathlib.Path(local) / FILE
        copy.write_text(path.read_text())
        try:
            return presets.load_config(str(copy))
        except ValueError as error:
            raise ValueError(f"{path} cannot be used ({error}); pass the run's own --config and --set") from error


def _classes(node: Any) -> Iterator[type]:
    if dataclasses.is_dataclass(node) and not isinstance(node, type):
        yield type(node)
        for field in dataclasses.fields(node):
            yield from _classes(getattr(node, field.name))
    elif isinstance(node, Mapping):
        for value in node.values():
            yield from _classes(value)
    elif isinstance(node, (tuple, list)):
        for value in node:
            yield from _classes(value)
