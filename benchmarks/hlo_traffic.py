"""Bytes that a compiled program moves between a chip's memory (HBM) and its cores, read off the scheduled HLO.

XLA's own `cost_analysis` counts the body of a loop once and sees nothing of kernels. Here every instruction of a
computation counts what it reads and writes: the whole operand, or the slice that a fusion takes of it; the updated
slice of a buffer that is updated in place; nothing for what the compiler keeps in the core's own memory (`S(1)`).
Sizes are those of the tiles in memory, so that a head of width 64 padded to 128 lanes counts twice.
A loop's body counts once for each of its trips, which the caller knows. A kernel (custom call) counts its operands
and results whole, once.
"""

from __future__ import annotations

import collections
import dataclasses
import math
import re
from collections.abc import Callable

SHAPE = re.compile(r"(\w+?)(\d*)\[([\d,]*)\](?:\{([\d,]*)(?::([^{}]*))?\})?")
INSTRUCTION = re.compile(r"^\s*(ROOT )?%([\w.\-]+) = (.*)$")
FREE = {"parameter", "get-tuple-element", "tuple", "bitcast", "constant", "after-all", "opt-barrier", "partition-id"}
DONE = ("-done", "-update")


@dataclasses.dataclass
class Instruction:
    name: str
    shape: str
    operation: str
    arguments: str
    rest: str
    root: bool

    @property
    def operands(self) -> list[str]:
        return re.findall(r"%([\w.\-]+)", self.arguments)

    def called(self, attribute: str) -> str:
        found = re.search(attribute + r"=%([\w.\-]+)", self.rest)
        return found.group(1) if found else ""


Computation = dict[str, Instruction]


def parse(text: str) -> dict[str, Computation]:
    """Computations by name, each an ordered dict of its instructions by name; the entry's is also under "ENTRY"."""
    computations: dict[str, Computation] = {}
    current: Computation = {}
    for line in text.splitlines():
        header = re.match(r"^(ENTRY )?%([\w.\-]+) \(.*\{\s*$", line)
        if header:
            current = computations[header.group(2)] = {}
            if header.group(1):
                computations["ENTRY"] = current
        elif match := INSTRUCTION.match(line):
            instruction = _instruction(match)
            current[instruction.name] = instruction
    return computations


def _instruction(match: re.Match[str]) -> Instruction:
    root, name, rest = match.groups()
    shape, rest = _balanced(rest) if rest.startswith("(") else rest.split(" ", 1)
    operation = rest.strip().split("(", 1)[0]
    arguments, rest = _balanced(rest.strip()[len(operation) :])
    return Instruction(name, shape, operation, arguments, rest, bool(root))


def _balanced(text: str) -> tuple[str, str]:
    """Splits text that starts with a parenthesis behind the one that closes it."""
    depth = 0
    for at, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if not depth:
            return text[: at + 1], text[at + 1 :]
    return text, ""


def hbm_bytes(shape: str) -> int:
    """Bytes that arrays of this shape (or tuple of shapes) take in HBM, padding to tiles included."""
    return sum(_array_bytes(*found.groups()) for found in SHAPE.finditer(shape))


def _array_bytes(kind: str, bits: str, dims: str, order: str | None, tiles: str | None) -> int:
    tiles = tiles or ""
    if re.search(r"S\([1-9]", tiles):
        return 0
    sizes = [int(size) for size in dims.split(",") if size]
    minor_first = [int(axis) for axis in (order or "").split(",") if axis]
    tile = re.search(r"T\(([\d,]+)\)", tiles)
    if tile and len(minor_first) == len(sizes):
        for axis, unit in zip(minor_first, reversed([int(size) for size in tile.group(1).split(",")]), strict=False):
            sizes[axis] = -(-sizes[axis] // unit) * unit
    width = 8 if kind == "pred" else int(bits or 0)
    return math.prod(sizes) * width // 8


@dataclasses.dataclass
class Traffic:
    """What a computation moves.

    Attributes:
      read, written: bytes by instruction name.
    """

    moved: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)

    @property
    def total(self) -> int:
        return sum(self.moved.values())


Choice = Callable[[Instruction, list[str]], int | None]


def traffic(
    computations: dict[str, Computation], name: str, trips: int = 1, choice: Choice = lambda instruction, branches: None
) -> Traffic:
    """Bytes moved by one run of a computation; loops inside it run `trips` times.

    Args:
      choice: which of its branches a conditional takes; None for the one that moves most.
    """
    counted = Traffic()
    computation = computations[name]
    for instruction in computation.values():
        if instruction.operation in FREE or instruction.operation.endswith(DONE):
            continue
        if instruction.operation == "while":
            inner = traffic(computations, instruction.called("body"), trips, choice)
            for key, count in inner.moved.items():
                counted.moved[f"{instruction.name}/{key}"] += count * trips
        elif instruction.operation == "conditional":
            names = branches_of(instruction)
            chosen = choice(instruction, names)
            taken = [traffic(computations, each, trips, choice) for each in names]
            one = max(taken, key=lambda branch: branch.total) if chosen is None else taken[chosen]
            counted.moved.update(one.moved)
        elif instruction.operation == "call":
            counted.moved.update(traffic(computations, instruction.called("to_apply"), trips, choice).moved)
        else:
            counted.moved[instruction.name] += _moved(computations, computation, instruction)
    return counted


def branches_of(instruction: Instruction) -> list[str]:
    """The computations that a conditional chooses between, the first one for 0 or true."""
    listed = re.search(r"branch_computations=\{([^}]*)\}", instruction.rest)
    if listed:
        return re.findall(r"%([\w.\-]+)", listed.group(1))
    return [instruction.called("true_computation"), instruction.called("false_computation")]


def _moved(computations: dict[str, Computation], inside: Computation, instruction: Instruction) -> int:
    read = sum(_read(computations, inside, instruction, place) for place in range(len(instruction.operands)))
    return read + _written(computations, inside, instruction)


def _read(computations: dict[str, Computation], inside: Computation, instruction: Instruction, place: int) -> int:
    """Bytes that an instruction reads of an operand."""
    source = inside[instruction.operands[place]]
    whole = hbm_bytes(source.shape)
    if not whole or source.operation == "constant":
        return 0
    if instruction.operation in ("dynamic-slice", "slice") and place == 0:
        return min(whole, _unplaced_bytes(instruction.shape))
    if instruction.operation == "dynamic-update-slice" and place == 0:
        return 0
    if instruction.operation == "gather" and place == 0:
        return min(whole, _unplaced_bytes(instruction.shape))
    if instruction.operation == "fusion":
        return min(whole, _read_inside(computations, instruction, place, whole))
    return whole


def _read_inside(computations: dict[str, Computation], fusion: Instruction, place: int, whole: int) -> int:
    fused = computations[fusion.called("calls")]
    parameter = next(
        each for each in fused.values() if each.operation == "parameter" and each.arguments == f"({place})"
    )
    waiting, read = [parameter.name], 0
    while waiting:
        name = waiting.pop()
        if fused[name].root:
            return whole
        for user in fused.values():
            for at, operand in enumerate(user.operands):
                if operand != name:
                    continue
                if user.operation in ("bitcast", "get-tuple-element"):
                    waiting.append(user.name)
                elif user.operation in ("dynamic-slice", "slice", "gather") and at == 0:
                    read += _unplaced_bytes(user.shape)
                elif user.operation == "dynamic-update-slice" and at == 0:
                    continue
                elif user.operation == "fusion":
                    inner = _read_inside(computations, user, at, whole)
                    if inner == whole and _dims(user.shape) == _dims(fused[name].shape):
                        waiting.append(user.name)  # computed as it is read: only what is sliced of it is
                    else:
                        read += inner
                else:
                    return whole
    return read


def _written(computations: dict[str, Computation], inside: Computation, instruction: Instruction) -> int:
    if instruction.operation == "dynamic-update-slice":
        return _unplaced_bytes(inside[instruction.operands[1]].shape)
    if instruction.operation == "copy-start":  # its result holds the source too
        return hbm_bytes(instruction.shape) - hbm_bytes(inside[instruction.operands[0]].shape)
    if instruction.operation != "fusion":
        return hbm_bytes(instruction.shape)
    fused = computations[instruction.called("calls")]
    root = next(each for each in fused.values() if each.root)
    parts = [fused[name] for name in root.operands] if root.operation == "tuple" else [root]
    return hbm_bytes(instruction.shape) - sum(_left_alone(fused, part) for part in parts)


def _left_alone(fused: Computation, part: Instruction) -> int:
    """Bytes of a result that is updated in place and that nobody touches."""
    whole = hbm_bytes(part.shape)
    while part.operation == "bitcast":
        part = fused[part.operands[0]]
    if not whole or part.operation != "dynamic-update-slice":
        return 0
    return whole - _unplaced_bytes(fused[part.operands[1]].shape)


def _dims(shape: str) -> str:
    found = SHAPE.match(shape)
    return found.group(3) if found else shape


def _unplaced_bytes(shape: str) -> int:
    """Bytes of a slice inside a fusion, whose own placement says nothing of where it was taken from."""
    return hbm_bytes(re.sub(r"S\(\d+\)", "", shape))
