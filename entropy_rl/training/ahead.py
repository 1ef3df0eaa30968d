"""Compiles the programs of a run for devices that need not be there, and writes down what the compiler says of each."""

from __future__ import annotations

import dataclasses
import re
import time
from collections.abc import Callable, Iterable
from typing import Any

import jax

from entropy_rl.config import Config
from entropy_rl.parallel.devices import Peak
from entropy_rl.training import hlo, roofline
from entropy_rl.training.program import Program

GIB = 1 << 30
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


@dataclasses.dataclass(frozen=True)
class Hardware:
    """What every device of a mesh is.

    Attributes:
      peak: how fast it computes and reads.
      memory: bytes that a program may use.
      link_bandwidth: bytes/s that it sends.
    """

    peak: Peak
    memory: float
    link_bandwidth: float


@dataclasses.dataclass(frozen=True)
class Checked:
    """One program after its compilation; bytes are of one device.

    Attributes:
      arguments, outputs, temporaries, peak: as the compiler counts them; `peak` has all that exists at once.
      needed: the peak and what a run keeps beside the program.
      faults: what should not be in the program.
      error: why it did not compile; "" if it did. What the compiler lacked is in `needed` then.
    """

    program: Program
    work: roofline.Work
    lower_seconds: float = 0.0
    compile_seconds: float = 0.0
    arguments: int = 0
    outputs: int = 0
    temporaries: int = 0
    peak: int = 0
    needed: int = 0
    collectives: tuple[hlo.Collective, ...] = ()
    faults: tuple[str, ...] = ()
    seconds: roofline.Seconds | None = None
    error: str = ""

    def fits(self, memory: float) -> bool:
        """Whether it was compiled and leaves room for the rest of the run."""
        return not self.error and self.needed <= memory


def check(
    programs: Iterable[Program],
    config: Config,
    hardware: Hardware,
    progress: Callable[[Program, Checked | None], None] = lambda program, done: None,
) -> list[Checked]:
    """Compiles one program after another; one that fails does not keep the others from being compiled.

    Args:
      config: resolved, its policy with a definite compute type.
      progress: called before each program and after it.
    """
    found = []
    for program in programs:
        progress(program, None)
        found.append(_checked(program, config, hardware))
        progress(program, found[-1])
    return found


def _checked(program: Program, config: Config, hardware: Hardware) -> Checked:
    work, started = roofline.work(program, config), time.perf_counter()
    try:
        lowered = program.lower()
        traced = time.perf_counter()
        compiled = lowered.compile()
    except jax.errors.JaxRuntimeError as error:
        return _failed(program, work, time.perf_counter() - started, str(error))
    ended = time.perf_counter()
    memory, text = compiled.memory_analysis(), compiled.as_text() or ""
    collectives = tuple(hlo.collectives(text, longest=program.turns))
    peak = max(memory.peak_memory_in_bytes, memory.argument_size_in_bytes)
    return Checked(
        program, work, traced - started, ended - traced, memory.argument_size_in_bytes, memory.output_size_in_bytes,
        memory.temp_size_in_bytes, peak, peak + program.beside, collectives, tuple(faults(program, config, text)),
        roofline.seconds(work, sum(one.sent for one in collectives), hardware.peak, hardware.link_bandwidth),
    )  # fmt: skip


def _failed(program: Program, work: roofline.Work, spent: float, message: str) -> Checked:
    """The compiler's complaint, and the bytes that it names where memory was too small."""
    wanted, _ = exhausted(message) or (0, 0)
    arguments = sum(_bytes(leaf) for leaf in jax.tree.leaves(program.arguments))
    needed = wanted + arguments + program.beside if wanted else 0
    return Checked(
        program, work, compile_seconds=spent, arguments=arguments, temporaries=wanted, needed=needed,
        error=message.strip().splitlines()[0] if message.strip() else "an error without a message",
    )  # fmt: skip


def exhausted(message: str) -> tuple[int, int] | None:
    """Bytes that the compiler wanted of a device's memory and had, of its complaint; None of any other."""
    if "RESOURCE_EXHAUSTED" not in message or "vmem" in message.lower():
        return None
    found = re.search(r"\(([\d.]+)([KMGT]?)\) exceeds available \w+ \(([\d.]+)([KMGT]?)\)", message)
    found = found or re.search(r"Used ([\d.]+)([KMGT]?) of ([\d.]+)([KMGT]?)", message)
    if found is None:
        return None
    size = lambda number, unit: int(float(number) * _UNITS[unit])  # noqa: E731
    return size(found[1], found[2]), size(found[3], found[4])


def faults(program: Program, config: Config, text: str) -> list[str]:
    """What a program should not hold: whole batches or caches gathered, all layers gathered, logits of all tokens."""
    return [*_logits_of_all_tokens(program, config, text), *_gathered_whole(program, config, text)]


def _logits_of_all_tokens(program: Program, config: Config, text: str) -> list[str]:
    sizes, policy = program.mesh.shape, config.policy
    vocabularies = {policy.vocab_size, policy.vocab_size // sizes["tensor"]}
    tokens = program.responses * sizes["tensor"] // program.mesh.size * (program.response_tokens - 1)
    if program.kind in ("update", "scoring"):
        cut = program.cut(config.update)
        tokens = min(cut.at_once(width) * cut.rows * (width - 1) for width in cut.widths)
    found = [
        shape
        for shape in hlo.largest_arrays(text)
        if tokens > 1 and vocabularies & set(shape.sizes) and _elements(shape) >= tokens * min(vocabularies)
    ]
    weights = policy.vocab_size * policy.width
    return [f"logits of all tokens exist at once: {shape}" for shape in found if _elements(shape) > weights]


def _gathered_whole(program: Program, config: Config, text: str) -> list[str]:
    """Gathers whose result is no weight of one layer; the tokens themselves, which are looked up, are small."""
    policy, tensor, found = config.policy, program.mesh.shape["tensor"], []
    if program.kind not in ("sampling", "scoring", "update") or program.mesh.size == 1:
        return []
    rows = program.responses // (config.update.micro_batches if program.kind == "update" else 1)
    lengths = {program.response_tokens, program.response_tokens - 1}
    lengths -= {policy.width, policy.head_width, policy.feed_forward, policy.vocab_size}  # cannot be told apart
    largest = max(policy.vocab_size, policy.feed_forward) * policy.width // tensor
    gathers = [one for one in hlo.collectives(text) if one.kind == "all-gather"]
    for shape, origin in ((shape, one.origin) for one in gathers for shape in one.shapes):
        if shape.dtype not in ("f32", "bf16", "f16"):
            continue
        axis = next((n for n, size in enumerate(shape.sizes) if size in lengths), None)
        flat = len(shape.sizes) == 1 and _elements(shape) >= rows * (program.response_tokens - 1) > 1
        if flat or (axis is not None and _product(shape.sizes[:axis]) >= rows > 1):
            found.append(f"all responses are gathered on every device: {shape} {origin}")
        elif axis is not None and program.kind == "sampling" and policy.head_width in shape.sizes:
            found.append(f"a cache is gathered: {shape} {origin}")
        elif axis is None and shape.sizes[:1] == (policy.layers,) and _elements(shape) > 1.5 * largest:
            found.append(f"the weights of all layers are gathered at once: {shape} {origin}")
    return found


def _elements(shape: hlo.Shape) -> int:
    return _product(shape.sizes)


def _product(sizes: Iterable[int]) -> int:
    product = 1
    for size in sizes:
        product *= size
    return product


def _bytes(leaf: Any) -> int:
    if not isinstance(leaf, jax.ShapeDtypeStruct):
        return 0
    shape = leaf.shape if leaf.sharding is None else leaf.sharding.shard_shape(leaf.shape)
    return _product(shape) * leaf.dtype.itemsize
