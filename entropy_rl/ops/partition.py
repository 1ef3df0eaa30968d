"""Where activations live on a mesh: the little that array code must know. Parameters are placed by parallel/."""

from __future__ import annotations

import jax
from jax.sharding import AxisType, PartitionSpec

from entropy_rl.types import Array

BATCH_AXES = ("slice", "data", "fsdp")  # the mesh axes that rows are split over, in this order; where it has them
TENSOR = "tensor"  # the mesh axis that heads, feed-forward width and vocabulary are split over


def axis_sizes() -> dict[str, int]:
    """Devices along each axis of the mesh in context that the compiler splits over; empty without a mesh.

    Inside a shard_map the axes that it splits by hand are no longer there.
    """
    mesh = jax.sharding.get_abstract_mesh()
    if mesh.empty:
        return {}
    axes = zip(mesh.axis_names, mesh.axis_sizes, mesh.axis_types, strict=True)
    return {name: size for name, size, kind in axes if kind != AxisType.Manual}


def batch_axes() -> tuple[str, ...]:
    """Those of BATCH_AXES that the mesh in context has and the compiler splits over."""
    return tuple(axis for axis in BATCH_AXES if axis in axis_sizes())


def batch_shards() -> int:
    """Number of pieces that the mesh in context cuts a batch into; 1 without a mesh."""
    sizes, shards = axis_sizes(), 1
    for axis in BATCH_AXES:
        shards *= sizes.get(axis, 1)
    return shards


def by_rows(array: Array) -> Array:
    """Keeps the leading axis of an activation split over the batch axes; a no-op where they do not divide it."""
    shards = batch_shards()
    if shards == 1 or array.shape[0] % shards:
        return array
    return jax.lax.with_sharding_constraint(array, PartitionSpec(batch_axes(), *([None] * (array.ndim - 1))))


def by_rows_and_columns(array: Array) -> Array:
    """As `by_rows`, the last axis split over the devices that share each row; a no-op where it does not divide."""
    tensor = axis_sizes().get(TENSOR, 1)
    if tensor == 1 or array.shape[-1] % tensor or array.shape[0] % batch_shards():
        return by_rows(array)
    middle = [None] * (array.ndim - 2)
    return jax.lax.with_sharding_constraint(array, PartitionSpec(batch_axes(), *middle, TENSOR))


def platform() -> str:
    """What a program traced now will run on, "cpu" or "tpu"...: the devices of the mesh in context, or JAX's own."""
    mesh = jax.sharding.get_abstract_mesh()
    return jax.default_backend() if mesh.empty or mesh.abstract_device is None else mesh.abstract_device.platform
