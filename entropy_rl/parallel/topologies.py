"""TPU slices by name, described without one: what a chip can do, and the devices that a compiler compiles for.

Cloud TPU names a slice by its generation and a number (v5litepod-16, v5p-128), which counts cores up to v5p and chips
elsewhere; the compiler wants generation and shape (v5e:4x4, v5p:4x4x4). Both are understood here.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib.util
import math
import os
import re
from typing import Any

GIB = 1 << 30
QUIET = {  # read by libtpu when it is loaded: no look for the metadata of a machine that this is not, no lock
    "TPU_SKIP_MDS_QUERY": "1",
    "TPU_ACCELERATOR_TYPE": "v5litepod-8",
    "TPU_WORKER_HOSTNAMES": "localhost",
    "TPU_WORKER_ID": "0",
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
    "TPU_MIN_LOG_LEVEL": "3",
    "TPU_STDERR_LOG_LEVEL": "3",
}


@dataclasses.dataclass(frozen=True)
class Chip:
    """One JAX device of a generation; how fast it computes and reads is in devices.PEAKS.

    Attributes:
      kind: its `device_kind`.
      memory: bytes of HBM that a program may use: what the compiler of libtpu 0.0.42 allows, less than is built in.
      link_bandwidth: bytes/s that leave a device on all its links together, in one direction.
    """

    kind: str
    memory: float
    link_bandwidth: float


# Links: pages "TPU v5e", "v5p", "v6e" and "TPU7x" of https://docs.cloud.google.com/tpu/docs, whose figures count both
# directions. v4 is not here: the compiler describes halves of its chips, which no run sees.
CHIPS = {
    "v5e": Chip("TPU v5 lite", 15.75 * GIB, 200e9),
    "v5p": Chip("TPU v5", 95.74 * GIB, 600e9),
    "v6e": Chip("TPU v6 lite", 31.25 * GIB, 400e9),
    "tpu7x": Chip("TPU7x", 94.75 * GIB, 300e9),  # half a chip is a device
}
CLOUD = {  # generation, and what the number behind the name counts for each chip
    "v5litepod": ("v5e", 1),
    "v5e": ("v5e", 1),
    "v5p": ("v5p", 2),
    "v6e": ("v6e", 1),
    "tpu7x": ("tpu7x", 2),
}
SHAPES_2D = ("2x2", "2x4", "4x4", "4x8", "8x8", "8x16", "16x16")
SHAPES_3D = (
    "2x2x1", "2x2x2", "2x2x4", "2x4x4", "4x4x4", "4x4x8", "4x8x8", "8x8x8", "8x8x16", "8x16x16",
)  # fmt: skip
SHAPES = {"v5e": SHAPES_2D, "v5p": SHAPES_3D, "v6e": SHAPES_2D, "tpu7x": SHAPES_3D}
EXAMPLES = "v5e:2x4, v5e:4x4, v6e:4x4, v5p:2x2x2, v5p:4x4x4"


@dataclasses.dataclass(frozen=True)
class Topology:
    """A slice, by what the compiler calls it."""

    generation: str
    shape: str

    def __str__(self) -> str:
        return f"{self.generation}:{self.shape}"

    @property
    def chips(self) -> int:
        """In the slice."""
        return math.prod(int(side) for side in self.shape.split("x"))

    @property
    def chip(self) -> Chip:
        """What its devices are."""
        return CHIPS[self.generation]


def parse(name: str) -> Topology:
    """A compiler's name (v5p:4x4x4) or Cloud TPU's (v5p-128).

    Raises:
      ValueError: for any other; it names the nearest.
    """
    text = name.strip().lower()
    if found := re.fullmatch(r"([a-z0-9]+)-(\d+)", text):
        return _of_cloud(name, found[1], int(found[2]))
    if found := re.fullmatch(r"([a-z0-9]+):(\d+(?:x\d+)+)", text):
        return _of_compiler(name, found[1], found[2])
    raise ValueError(f"--topology={name} is no slice; write generation and shape, such as {EXAMPLES}")


def _of_cloud(name: str, kind: str, number: int) -> Topology:
    if kind not in CLOUD:
        near = difflib.get_close_matches(kind, CLOUD, n=2, cutoff=0.4) or list(CLOUD)
        raise ValueError(f"--topology={name}: {kind} is unknown; did you mean {' or '.join(near)}?")
    generation, counted = CLOUD[kind]
    for shape in SHAPES[generation]:
        topology = Topology(generation, shape)
        if topology.chips * counted == number:
            return topology
    known = ", ".join(f"{kind}-{Topology(generation, shape).chips * counted}" for shape in SHAPES[generation])
    raise ValueError(f"--topology={name}: there is no slice of that size; choose {known}")


def _of_compiler(name: str, kind: str, shape: str) -> Topology:
    generation = "v5e" if kind == "v5litepod" else kind
    if generation not in SHAPES:
        near = difflib.get_close_matches(kind, SHAPES, n=2, cutoff=0.4) or list(SHAPES)
        raise ValueError(f"--topology={name}: {kind} is unknown; did you mean {' or '.join(near)}?")
    if shape not in SHAPES[generation]:
        known = ", ".join(f"{generation}:{each}" for each in SHAPES[generation])
        sides = "three" if SHAPES[generation] is SHAPES_3D else "two"
        raise ValueError(
            f"--topology={name}: {shape} is no slice of {generation}, which has {sides} sides; choose {known}"
        )
    return Topology(generation, shape)


def prepare() -> None:
    """Sets what must be in the environment before JAX is imported, where the user has not; the devices are the CPU's.

    Raises:
      ValueError: if the compiler is not installed.
    """
    if importlib.util.find_spec("libtpu") is None:
        raise ValueError(
            "the compiler for TPUs (libtpu) is not installed; install the extra that brings it, "
            "pip install -e '.[tpu]' in the clone, on any machine: no TPU is needed"
        )
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    os.environ["JAX_PLATFORMS"] = "cpu"


def devices(topology: Topology) -> list[Any]:
    """Descriptions of its devices, to make a mesh of; they can be compiled for and not computed on.

    Raises:
      ValueError: if the installed compiler does not know it.
    """
    from jax.experimental import topologies

    try:
        return list(topologies.get_topology_desc(platform="tpu", topology_name=str(topology)).devices)
    except Exception as error:  # whatever libtpu has to say: it knows generations by its own version
        raise ValueError(f"--topology={topology}: the installed libtpu refuses it: {error}") from error
