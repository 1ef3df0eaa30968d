"""Rows of global arrays: which are this process's own, how it puts them in, and how it reads them back.

Row i of a batch lies where the sharding of the batch axes puts it, on every number of processes: what a process owns
is looked up, never assumed to be one stretch. All responses to a prompt share a shard with it.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding

from entropy_rl.parallel import sharding, watchdog
from entropy_rl.types import Array


@functools.lru_cache(maxsize=64)
def own_rows(mesh: Mesh, size: int) -> np.ndarray:
    """[n] indices of this process's rows of a batch of `size`, ascending; all of them on one process.

    Raises:
      ValueError: if rows cannot be divided among several processes.
    """
    if jax.process_count() == 1:
        return np.arange(size)
    shards = sharding.batch_shards(mesh)
    if size % shards:
        raise ValueError(
            f"{size} rows do not split over {shards} batch shards of {jax.process_count()} processes; make them a "
            "multiple (rollout.prompts, or a smaller mesh.data x mesh.fsdp)"
        )
    ranges = {part[0].indices(size)[:2] for part in _own_parts(mesh, size)}
    return np.concatenate([np.arange(*bounds) for bounds in sorted(ranges)])


def _own_parts(mesh: Mesh, size: int) -> list[tuple[slice, ...]]:
    parts = sharding.rows(mesh).addressable_devices_indices_map((size,)).values()
    return [part for part in parts if part is not None]


@dataclasses.dataclass(frozen=True)
class Team:
    """Processes that hold the same rows: one of its own for each, unless "tensor" reaches over hosts.

    Attributes:
      number: which of the `count` teams, by the order of their rows.
      members: process numbers; the first leads: what only one may do for these rows, such as judging, it does.
    """

    number: int
    count: int
    members: tuple[int, ...]

    @property
    def leads(self) -> bool:
        return self.members[0] == jax.process_index()


@functools.lru_cache(maxsize=16)
def teams(mesh: Mesh) -> tuple[tuple[int, ...], ...]:
    """The processes of each team.

    Raises:
      ValueError: if two processes share some rows and not others.
    """
    by_row = mesh.devices.reshape(-1, mesh.shape["tensor"])  # batch axes come first
    held: dict[int, list[int]] = {}
    for row, devices in enumerate(by_row):
        for process in sorted({device.process_index for device in devices}):
            held.setdefault(process, []).append(row)
    members: dict[tuple[int, ...], list[int]] = {}
    for process, rows in held.items():
        members.setdefault(tuple(rows), []).append(process)
    if sum(map(len, members)) != len(by_row) or len({len(rows) for rows in members}) > 1:
        raise ValueError(
            f"on the mesh {dict(mesh.shape)} the rows of a batch do not fall to whole hosts; choose mesh.tensor as a "
            "divisor or a multiple of the devices of a host"
        )
    return tuple(tuple(members[rows]) for rows in sorted(members))


def team(mesh: Mesh) -> Team:
    """This process's."""
    if jax.process_count() == 1:
        return Team(0, 1, (jax.process_index(),))
    every = teams(mesh)
    number = next(number for number, members in enumerate(every) if jax.process_index() in members)
    return Team(number, len(every), every[number])


def from_local_rows(mesh: Mesh, rows: Any) -> Any:
    """Global arrays from this process's own rows of each; on one process, those rows on its devices.

    Args:
      rows: a tree of NumPy arrays with the same leading axis, in the order of `own_rows`.
    """
    if jax.process_count() == 1:
        return jax.tree.map(lambda part: jax.device_put(part, sharding.rows(mesh, len(part))), rows)
    return jax.tree.map(lambda part: _placed(mesh, np.asarray(part)), rows)


def _placed(mesh: Mesh, part: np.ndarray) -> Array:
    shards = sharding.batch_shards(mesh)
    size = len(part) * shards // local_shards(mesh)
    return jax.make_array_from_process_local_data(sharding.rows(mesh), part, (size, *part.shape[1:]))


def local_shards(mesh: Mesh) -> int:
    """Pieces of a batch that lie on this process's devices: its number of rows is a multiple of it."""
    if jax.process_count() == 1:
        return sharding.batch_shards(mesh)
    return len({part[0].indices(mesh.size)[:2] for part in _own_parts(mesh, mesh.size)})


def own_slots(mesh: Mesh, slots: int) -> int:
    """How many of a number of rows each process fills: its share, as many as its devices can split."""
    if jax.process_count() == 1:
        return slots
    pieces = local_shards(mesh)
    return -(-slots // (team(mesh).count * pieces)) * pieces


def beside(array: Array, rows: np.ndarray) -> Array:
    """This process's own rows as a global array that lies as another one does."""
    if jax.process_count() == 1:
        return jnp.asarray(rows)
    return from_local_rows(_mesh(array), rows)


def _mesh(array: Any) -> Mesh:
    if not isinstance(array.sharding, NamedSharding) or not isinstance(array.sharding.mesh, Mesh):
        raise TypeError(f"an array of several processes lies as {array.sharding}, which names no mesh")
    return array.sharding.mesh


def in_place_of(array: Array, rows: np.ndarray) -> Array:
    """This process's own rows of what takes the place of a global array, its sharding included."""
    return jax.device_put(rows, array.sharding) if jax.process_count() == 1 else beside(array, rows)


def local_rows(array: Any) -> np.ndarray:
    """This process's own rows of a global array, on the host; a NumPy array is taken to hold own rows already."""
    if isinstance(array, np.ndarray) or jax.process_count() == 1 or array.is_fully_addressable:
        return np.asarray(array)
    with watchdog.waiting("device results"):
        own = own_rows(_mesh(array), array.shape[0])
        position = np.full(array.shape[0], -1)
        position[own] = np.arange(len(own))
        out = np.empty((len(own), *array.shape[1:]), array.dtype)
        for shard in array.addressable_shards:
            rows, *rest = shard.index
            mine = position[rows]
            data = np.asarray(shard.data)
            out[(mine[mine >= 0], *rest)] = data[mine >= 0]
    return out


def settled(tree: Any) -> Any:
    """The same tree, awaited where two programs in flight could wait for each other: on CPUs of several processes.

    There the collectives of one program are not kept apart from those of the next (seen: four runs of four hung).
    """
    if jax.process_count() > 1 and jax.default_backend() == "cpu":
        with watchdog.waiting("device results"):
            return jax.block_until_ready(tree)
    return tree
