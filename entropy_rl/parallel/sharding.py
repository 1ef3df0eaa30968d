"""Logical axis -> mesh axis, in one table, and the shardings of whole states made from it."""

from __future__ import annotations

import math
from typing import Any

import jax
from absl import logging
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from entropy_rl.ops.partition import BATCH_AXES

Rules = dict[str, str | None]

TRAINING_RULES: Rules = {
    "vocab": "tensor",
    "heads": "tensor",
    "kv_heads": "tensor",
    "mlp": "tensor",
    "embed": "fsdp",
    "layers": None,
    "head": None,
    "norm": None,
    "lora rank": None,
}
ROLLOUT_RULES: Rules = TRAINING_RULES | {"embed": None}  # a token is too little work to gather weights for


def parameter_shardings(mesh: Mesh, logical_axes: Any, shapes: Any, rules: Rules = TRAINING_RULES) -> Any:
    """A tree of NamedSharding for parameters whose leaves have those logical axes and shapes."""
    is_axes = lambda leaf: isinstance(leaf, tuple)  # noqa: E731
    return jax.tree.map(
        lambda axes, leaf: _sharding(mesh, axes, leaf.shape, rules), logical_axes, shapes, is_leaf=is_axes
    )


def _sharding(mesh: Mesh, axes: tuple[str | None, ...], shape: tuple[int, ...], rules: Rules) -> NamedSharding:
    entries = []
    for axis, size in zip(axes, shape, strict=True):
        mesh_axis = rules[axis] if axis else None
        if mesh_axis and size % mesh.shape[mesh_axis]:
            logging.log_first_n(
                logging.WARNING,
                "axis %r of size %d does not divide over mesh axis %r of size %d: kept whole on every device",
                8, axis, size, mesh_axis, mesh.shape[mesh_axis],
            )  # fmt: skip
            mesh_axis = None
        entries.append(mesh_axis)
    return NamedSharding(mesh, PartitionSpec(*entries))


def state_shardings(mesh: Mesh, parameters: Any, state: Any) -> Any:
    """Shardings for a state that holds parameters, and moments shaped like them, anywhere in its tree.

    A leaf whose path ends in a parameter's path, with that parameter's shape, lies as the parameter does; all others
    are whole on every device.

    Args:
      parameters: tree of (ShapeDtypeStruct with sharding) of the parameters.
      state: tree of shapes of the state.
    """
    known = {_path(path): leaf for path, leaf in jax.tree.leaves_with_path(parameters)}
    replicated = NamedSharding(mesh, PartitionSpec())

    def place(path, leaf) -> NamedSharding:
        names = _path(path)
        for start in range(len(names)):
            parameter = known.get(names[start:])
            if parameter is not None and parameter.shape == leaf.shape:
                return parameter.sharding
        return replicated

    return jax.tree_util.tree_map_with_path(place, state)


def rows(mesh: Mesh, size: int | None = None) -> NamedSharding:
    """Splits the leading axis over the batch axes; whole where `size` rows do not divide."""
    if size is not None and size % batch_shards(mesh):
        return NamedSharding(mesh, PartitionSpec())
    return NamedSharding(mesh, PartitionSpec(tuple(axis for axis in BATCH_AXES if axis in mesh.shape)))


def batch_shards(mesh: Mesh) -> int:
    """Pieces that rows are split into."""
    return math.prod(mesh.shape.get(axis, 1) for axis in BATCH_AXES)


def _path(path: Any) -> tuple[str, ...]:
    return tuple(str(getattr(key, "key", getattr(key, "name", getattr(key, "idx", key)))) for key in path)
