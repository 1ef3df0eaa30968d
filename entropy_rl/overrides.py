"""Changes one field of a configuration by its path, and turns a configuration into text.

A configuration is a tree of frozen dataclasses, tuples and scalars. Paths read as in Python: `loss.gates[0].fraction`.
Text is parsed by the type of the field, never evaluated.
"""

from __future__ import annotations

import dataclasses
import difflib
import enum
import functools
import math
import os
import re
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

import jax
import numpy as np

from entropy_rl.absent import Absent
from entropy_rl.ops.schedules import Schedule

Tree = TypeVar("Tree")
Scalar = bool | int | float | str | None

_PATH = re.compile(r"[A-Za-z_]\w*(\[\d+\])*(\.[A-Za-z_]\w*(\[\d+\])*)*")
_ARRAYS = (jax.Array, np.ndarray, np.generic)


def apply_overrides(config: Tree, overrides: Sequence[str]) -> Tree:
    """The same configuration with the fields named by "path=value" replaced, left to right.

    Numbers, truth values (true, false), text, none, and tuples of them can be set: what holds a method is changed in a
    config file.

    Raises:
      ValueError: for anything but path=value, a field that is not there (it names the nearest), or a wrong type.
    """
    for override in overrides:
        path, equals, text = (part.strip() for part in override.partition("="))
        if not equals or not _PATH.fullmatch(path):
            raise ValueError(f"--set {override!r} is not path=value, such as steps=20 or loss.gates[0].fraction=0.01")
        keys = [int(key) if key.isdigit() else key for key in re.findall(r"\w+", path)]
        config = _replaced(config, Any, keys, text, "", path)
    return config


def _replaced(node: Any, annotation: Any, keys: list[str | int], text: str, here: str, path: str) -> Any:
    """`node`, which stands at `here`, with what `keys` lead to replaced by the value that `text` says."""
    if not keys:
        return _parsed(text, annotation, node, path)
    key, rest = keys[0], keys[1:]
    if isinstance(key, int):
        if not isinstance(node, tuple):
            raise ValueError(f"{path}: {here} is {_kind(node)}, not a tuple, so it has no [{key}]")
        if key >= len(node):
            raise ValueError(f"{path}: {here} has {len(node)} entries, counted from 0, so there is no [{key}]")
        child = _replaced(node[key], _element(annotation, key), rest, text, f"{here}[{key}]", path)
        return (*node[:key], child, *node[key + 1 :])
    if not _is_node(node):
        raise ValueError(f"{path}: {here} is {_kind(node)}, which has no fields, so there is no .{key}")
    names = [field.name for field in dataclasses.fields(node) if field.init]
    if key not in names:
        raise ValueError(f"{path}: {_unknown(key, names, type(node).__name__)}")
    child = _replaced(
        getattr(node, key), _annotations(type(node)).get(key, Any), rest, text, f"{here}.{key}".lstrip("."), path
    )
    return dataclasses.replace(node, **{key: child})


def _unknown(key: str, names: list[str], owner: str) -> str:
    near = difflib.get_close_matches(key, names, n=1, cutoff=0.5)
    hint = f"; did you mean {near[0]!r}?" if near else "."
    return f"{owner} has no field {key!r}{hint} It has {', '.join(names) or 'no fields'}"


def _parsed(text: str, annotation: Any, present: Any, path: str) -> Any:
    """The value that `text` says, of the first type in the annotation that fits."""
    wanted = list(_choices(annotation, present))
    if not wanted:
        inside = (
            f"set one of its fields ({path}.{dataclasses.fields(present)[0].name}, ...) or "
            if (_is_node(present) and dataclasses.fields(present))
            else ""
        )
        raise ValueError(f"{path} is {_kind(present)} and cannot be set from text; {inside}change it in a config file")
    for kind in wanted:
        fits, value = _read(text, kind)
        if fits:
            return value
    raise ValueError(f"{path} takes {' or '.join(map(_name, wanted))}, not {text!r}; it is {present!r} now")


def _choices(annotation: Any, present: Any) -> Iterator[Any]:
    """The types that a field may be given from text, in the order in which they are tried."""
    members = list(_members(annotation))
    if Any in members or any(isinstance(member, TypeVar) for member in members):
        members += [float] if isinstance(present, (*_ARRAYS, Schedule)) else [type(present)]
        if present is None:  # nothing says what it could hold
            return
    if any(member in _ARRAYS or member is Schedule for member in members):
        members.append(float)  # a number that may also be traced, or move with the step
    order = (types.NoneType, bool, int, float)
    for kind in order:
        if kind in members:
            yield kind
    for member in members:
        if typing.get_origin(member) in (tuple, typing.Literal):
            yield member
        elif (
            member is tuple
            and isinstance(present, tuple)
            and present
            and all(isinstance(item, (bool, int, float, str)) for item in present)
        ):
            yield tuple[type(present[0]), ...]
    if str in members:
        yield str


def _members(annotation: Any) -> Iterator[Any]:
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        for member in typing.get_args(annotation):
            yield from _members(member)
    elif typing.get_origin(annotation) is typing.Annotated:
        yield from _members(typing.get_args(annotation)[0])
    else:
        yield annotation


def _read(text: str, kind: Any) -> tuple[bool, Any]:
    """Whether `text` is a value of `kind`, and which."""
    if kind is types.NoneType:
        return text.lower() in ("none", "null"), None
    if kind is bool:
        return text.lower() in ("true", "false"), text.lower() == "true"
    if kind is int:
        fits = re.fullmatch(r"[+-]?\d+(_\d+)*", text) is not None
        return fits, int(text) if fits else None
    if kind is float:
        return _read_float(text)
    if kind is str:
        quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
        return True, text[1:-1] if quoted else text
    if typing.get_origin(kind) is typing.Literal:
        chosen = [value for value in typing.get_args(kind) if str(value) == text.strip("'\"")]
        return bool(chosen), chosen[0] if chosen else None
    return _read_tuple(text, kind)


def _read_float(text: str) -> tuple[bool, float | None]:
    try:
        value = float(text)
    except ValueError:
        return False, None
    return not math.isnan(value), value  # not a number is never what was meant


def _read_tuple(text: str, kind: Any) -> tuple[bool, Any]:
    inner = text[1:-1] if text[:1] + text[-1:] in ("()", "[]") else text
    parts = [part.strip() for part in inner.split(",")]
    if parts[-1] == "":  # (1,) and ()
        parts.pop()
    arguments = typing.get_args(kind)
    open_ended = len(arguments) == 2 and arguments[1] is Ellipsis
    if not open_ended and len(parts) != len(arguments):
        return False, None
    values = []
    for index, part in enumerate(parts):
        for choice in _choices(_element(kind, index), None):
            fits, value = _read(part, choice)
            if fits:
                values.append(value)
                break
        else:
            return False, None
    return True, tuple(values)


def _element(annotation: Any, index: int) -> Any:
    """The annotation of entry `index` of a tuple."""
    for member in _members(annotation):
        arguments = typing.get_args(member)
        if typing.get_origin(member) is tuple and arguments:
            if arguments[-1] is Ellipsis:
                return arguments[0]
            return arguments[index] if index < len(arguments) else Any
    return Any


def _annotations(owner: type) -> Mapping[str, Any]:
    try:
        return typing.get_type_hints(owner)
    except (NameError, TypeError):  # a name that only a type checker knows: the present value tells the type
        return {}


def _name(kind: Any) -> str:
    if kind is types.NoneType:
        return "none"
    if typing.get_origin(kind) is typing.Literal:
        return " or ".join(map(repr, typing.get_args(kind)))
    if typing.get_origin(kind) is tuple:
        elements = [" or ".join(map(_name, _choices(element, None))) for element in typing.get_args(kind)[:1]]
        return f"a tuple of {elements[0]}" if elements and elements[0] else "() or a value from a config file"
    return {bool: "true or false", int: "an int", float: "a float", str: "text"}.get(kind) or f"a {kind}"


def _kind(node: Any) -> str:
    return repr(node) if isinstance(node, (bool, int, float, str, types.NoneType)) else f"a {type(node).__name__}"


def _is_node(node: Any) -> bool:
    return dataclasses.is_dataclass(node) and not isinstance(node, type)


def flatten(config: Any) -> dict[str, Scalar]:
    """Every value of a configuration by its path; a dataclass adds its name under `path.__class__`.

    Two runs with equal flat configurations do the same. Values are what JSON has; a number that is not finite is text.
    """
    return dict(_leaves(config, ""))


def _leaves(node: Any, path: str) -> Iterator[tuple[str, Scalar]]:
    dot = f"{path}." if path else ""
    if isinstance(node, Absent):
        yield path, node.what
    elif _is_node(node):
        yield f"{dot}__class__", type(node).__qualname__
        for field in dataclasses.fields(node):
            yield from _leaves(getattr(node, field.name), f"{dot}{field.name}")
    elif isinstance(node, Mapping) and node:
        for key, value in node.items():
            yield from _leaves(value, f"{dot}{key}")
    elif isinstance(node, (tuple, list)) and node:
        for index, value in enumerate(node):
            yield from _leaves(value, f"{path}[{index}]")
    else:
        yield path, _scalar(node)


def _scalar(value: Any) -> Scalar:
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, _ARRAYS):
        value = np.asarray(value)
        return _scalar(value.item()) if value.ndim == 0 else f"array({value.tolist()}, {value.dtype})"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if callable(value) and hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))  # an address would differ in every process


def diff(old: Mapping[str, Scalar], new: Mapping[str, Scalar]) -> list[str]:
    """The paths at which two flat configurations differ, in the order in which they stand."""

    def same(path: str) -> bool:
        if (path in old) != (path in new):
            return False
        return old[path] == new[path] and isinstance(old[path], bool) == isinstance(new[path], bool)

    return [path for path in dict.fromkeys((*new, *old)) if not same(path)]


def additions(stored: Mapping[str, Scalar], config: Any) -> set[str]:
    """Paths of fields that a configuration stored by an older version did not have, and that are at their defaults."""

    def at_default(node: Any, path: str) -> Iterator[str]:
        dot = f"{path}." if path else ""
        for field in dataclasses.fields(node):
            value, here = getattr(node, field.name), f"{dot}{field.name}"
            default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
            leaves = dict(_leaves(value, here))
            if default is not dataclasses.MISSING and dict(_leaves(default, here)) == leaves:
                yield from leaves
            elif _is_node(value):
                yield from at_default(value, here)
            elif isinstance(value, (tuple, list)):
                for number, each in enumerate(value):
                    if _is_node(each):
                        yield from at_default(each, f"{here}[{number}]")

    return {path for path in at_default(config, "") if path not in stored}


def to_json(config: Any) -> Any:
    """The configuration as nested JSON values; a dataclass is an object with its name under "__class__"."""
    if _is_node(config):
        fields = {field.name: to_json(getattr(config, field.name)) for field in dataclasses.fields(config)}
        return {"__class__": type(config).__qualname__, **fields}
    if isinstance(config, Mapping):
        return {str(key): to_json(value) for key, value in config.items()}
    if isinstance(config, (tuple, list)):
        return [to_json(value) for value in config]
    return _scalar(config)


def describe(config: Any, width: int = 100, readable: bool = False) -> str:
    """The configuration as the Python expression that makes it, in lines of at most `width` where that can be.

    Args:
      readable: by Python again: what only this process has, a function or rows in memory, becomes `Absent`.
    """
    return _expression(config, "", width, readable)


def _expression(node: Any, indent: str, width: int, readable: bool) -> str:
    deeper = indent + "    "
    inside = functools.partial(_expression, indent=deeper, width=width, readable=readable)
    if _is_node(node):
        parts = [f"{field.name}={inside(getattr(node, field.name))}" for field in dataclasses.fields(node)]
        start, end = f"{type(node).__name__}(", ")"
    elif isinstance(node, (tuple, list)):
        parts = [inside(value) for value in node]
        start, end = ("(", ",)" if len(parts) == 1 else ")") if isinstance(node, tuple) else ("[", "]")
    elif isinstance(node, Mapping):
        parts = [f"{key!r}: {inside(value)}" for key, value in node.items()]
        start, end = "{", "}"
    else:
        value = _scalar(node)
        if readable and isinstance(value, str) and not isinstance(node, (str, float, enum.Enum)):
            return repr(Absent(value))
        return repr(value) if isinstance(node, str) else str(value)
    line = f"{start}{', '.join(parts)}{end}"
    if len(indent) + len(line) <= width and "\n" not in line or not parts:
        return line
    return start + "".join(f"\n{deeper}{part}," for part in parts) + f"\n{indent}{end[-1]}"
