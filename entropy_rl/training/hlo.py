"""What devices send each other in a compiled program, read from its scheduled HLO, and what should not be in it.

A collective inside a loop counts as often as the loop runs. The text tells how often where the loop's condition
compares with a constant; a loop that ends by what it computed counts as often as the caller says it can.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections import Counter
from collections.abc import Iterator

WIDTHS = {"pred": 1, "s8": 1, "u8": 1, "s16": 2, "u16": 2, "bf16": 2, "f16": 2, "s32": 4, "u32": 4, "f32": 4}
KINDS = ("all-gather", "all-reduce", "reduce-scatter", "all-to-all", "collective-permute")
_COMPUTATION = re.compile(r"^(ENTRY )?%([\w.\-]+) \(.*\{\s*$")
_OPERATION = re.compile(r"^\s*(?:ROOT )?%[\w.\-]+ = (?P<shape>\([^=]*?\)|\S+) (?P<name>[\w\-]+)\((?P<rest>.*)$")
_ARRAY = re.compile(r"([a-z]+\d*)\[([\d,]*)\]")
_CALLED = re.compile(
    r"(?:calls|to_apply|true_computation|false_computation)=%([\w.\-]+)|branch_computations=\{([^}]*)\}"
)
_WHILE = re.compile(r"condition=%([\w.\-]+), body=%([\w.\-]+)")


@dataclasses.dataclass(frozen=True)
class Shape:
    """One array of the program, as one device holds it."""

    dtype: str
    sizes: tuple[int, ...]

    @property
    def bytes(self) -> int:
        """Without the padding of tiles."""
        return math.prod(self.sizes) * WIDTHS.get(self.dtype, 4)

    def __str__(self) -> str:
        return f"{self.dtype}[{','.join(map(str, self.sizes))}]"


@dataclasses.dataclass(frozen=True)
class Collective:
    """One collective operation of a program.

    Attributes:
      kind: one of `KINDS`.
      shapes: of its results on a device.
      group: devices that take part together.
      times: that it runs.
      origin: the line of JAX that it comes from, as far as the compiler remembers.
    """

    kind: str
    shapes: tuple[Shape, ...]
    group: int
    times: float
    origin: str

    @property
    def bytes(self) -> float:
        """Of its results on a device, all times together."""
        return self.times * sum(shape.bytes for shape in self.shapes)

    @property
    def sent(self) -> float:
        """Bytes that a device sends, around a ring, all times together."""
        share = (self.group - 1) / max(self.group, 1)
        factors = {"all-reduce": 2 * share, "reduce-scatter": self.group - 1, "collective-permute": 1.0}
        return self.bytes * factors.get(self.kind, share)


def collectives(text: str, longest: float = 1) -> list[Collective]:
    """The collectives of a program.

    Args:
      text: `compiled.as_text()`.
      longest: how often loops run whose condition compares with no constant.
    """
    computations = _computations(text)
    times = _times(computations, longest)
    found: dict[tuple[str, ...], Collective] = {}
    for name, lines in computations.items():
        if not times[name]:
            continue
        for kind, shapes, line in _instructions(lines):
            scattered = kind == "all-reduce" and name.startswith("all-reduce-scatter")
            one = Collective(
                "reduce-scatter" if scattered else kind, shapes, _group_size(line), times[name], _origin(line)
            )
            if scattered:  # written as the sum of which each device keeps a piece
                one = dataclasses.replace(one, shapes=tuple(_split(shape, one.group) for shape in shapes))
            # One that was cut into steps to run beside others stands in each of them, with one channel.
            channel = re.search(r"channel_id=(\d+)", line)
            key = (kind, str(shapes), channel[1] if channel else line)
            if key not in found or found[key].times < one.times:
                found[key] = one
    return list(found.values())


def largest_arrays(text: str) -> Iterator[Shape]:
    """Every array that an instruction of the program makes, outside fusions, where they need not exist."""
    seen, fused = set(), set(re.findall(r" fusion\(.*?calls=%([\w.\-]+)", text))
    for name, lines in _computations(text).items():
        if name in fused:
            continue
        for line in lines:
            matched = _OPERATION.match(line)
            if matched and matched["name"] not in ("parameter", "get-tuple-element", "tuple", "while", "bitcast"):
                seen.update(_shapes(matched["shape"]))
    yield from seen


def summary(found: list[Collective]) -> dict[str, dict[str, float]]:
    """By kind: how many run, and bytes of their results and sent, per device."""
    totals: dict[str, Counter[str]] = {}
    for one in found:
        total = totals.setdefault(one.kind, Counter())
        total.update({"count": one.times, "bytes": one.bytes, "sent": one.sent})  # type: ignore[arg-type]
    return {kind: dict(totals[kind]) for kind in KINDS if kind in totals}


def _computations(text: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in text.splitlines():
        if header := _COMPUTATION.match(line):
            current = found[header[2]] = []
            if header[1]:
                found = {**found, "": [f"  %entry = () call(), to_apply=%{header[2]}"]}
        elif line.startswith("  "):
            current.append(line)
    return found


def _times(computations: dict[str, list[str]], longest: float) -> Counter[str]:
    """How often each computation runs, from the entry down."""
    times: Counter[str] = Counter()  # of whole numbers, but for loops of an average number of turns

    def visit(name: str, factor: float) -> None:
        times[name] += factor  # type: ignore[assignment]
        for line in computations.get(name, ()):
            if loop := _WHILE.search(line):
                trips = _trips(computations.get(loop[1], []))
                if trips is None:  # of loops within each other, the innermost turns
                    trips = 1 if _holds_open_loop(computations, loop[2]) else longest
                visit(loop[2], factor * trips)
            for called, branches in _CALLED.findall(line):
                for each in re.findall(r"[\w.\-]+", branches) or [called]:
                    visit(each, factor)

    visit("", 1)
    return times


def _trips(condition: list[str]) -> int | None:
    """Of a loop whose condition compares with a constant; None of another."""
    numbers = [int(n) for line in condition for n in re.findall(r"s32\[\](?:\{[^}]*\})? constant\((\d+)\)", line)]
    return max(numbers) if numbers else None


def _holds_open_loop(computations: dict[str, list[str]], name: str) -> bool:
    """Whether there is a loop in it that ends by what it computed."""
    for line in computations.get(name, ()):
        if loop := _WHILE.search(line):
            inner, is_open = loop[2], _trips(computations.get(loop[1], [])) is None
        else:
            called = re.search(r" call\(.*to_apply=%([\w.\-]+)", line)
            inner, is_open = (called[1] if called else ""), False
        if is_open or (inner and _holds_open_loop(computations, inner)):
            return True
    return False


def _instructions(lines: list[str]) -> Iterator[tuple[str, tuple[Shape, ...], str]]:
    for line in lines:
        matched = _OPERATION.match(line)
        if not matched:
            continue
        kind = matched["name"].removesuffix("-start")
        if kind not in KINDS:
            continue
        shapes = _shapes(matched["shape"])
        if matched["name"].endswith("-start") and kind in ("all-gather", "collective-permute"):
            shapes = shapes[len([s for s in shapes if s.sizes or s.dtype != "u32"]) // 2 :]  # (from, to, contexts)
            shapes = tuple(shape for shape in shapes if shape.sizes or shape.dtype != "u32")
        yield kind, shapes, line


def _shapes(text: str) -> tuple[Shape, ...]:
    return tuple(
        Shape(dtype, tuple(int(size) for size in sizes.split(",") if size)) for dtype, sizes in _ARRAY.findall(text)
    )


def _split(shape: Shape, group: int) -> Shape:
    """A piece of an array, as far as its size goes."""
    for axis, size in enumerate(shape.sizes):
        if size % group == 0:
            return Shape(shape.dtype, (*shape.sizes[:axis], size // group, *shape.sizes[axis + 1 :]))
    return shape


def _group_size(line: str) -> int:
    if found := re.search(r"replica_groups=\[\d+,(\d+)\]", line):
        return int(found[1])
    if found := re.search(r"replica_groups=\{\{([\d,]*)\}", line):
        return len(found[1].split(","))
    if found := re.search(r"replica_groups=mesh\[([^\]]*)\] \{([^}]*)\}", line):
        sizes = {name: int(size) for name, size in re.findall(r"'(\w+)'=(\d+)", found[1])}
        return math.prod(sizes.get(name, 1) for name in re.findall(r"'(\w+)'", found[2]))
    if pairs := re.search(r"source_target_pairs=\{(.*?)\}\}", line):
        return pairs[1].count("{")
    return 1


def _origin(line: str) -> str:
    found = re.search(r'op_name="([^"]*)"', line)
    return found[1] if found else ""
