"""The device mesh: three axes, any of them of size one."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import jax
from jax.experimental import mesh_utils
from jax.sharding import AxisType, Mesh

AXES = ("data", "fsdp", "tensor")


@dataclasses.dataclass(frozen=True)
class MeshShape:
    """How many devices along each axis; one axis may be -1, which takes all devices that the others leave.

    Attributes:
      data: copies of the parameters; rows are split.
      fsdp: parameters, optimiser state and rows are split.
      tensor: heads, feed-forward width and vocabulary are split.
    """

    data: int = 1
    fsdp: int = -1
    tensor: int = 1

    def validate(self) -> None:
        """Raises ValueError for a size below 1 that is not the one free axis."""
        sizes = dataclasses.astuple(self)
        if sizes.count(-1) > 1:
            raise ValueError(
                f"mesh {sizes} leaves more than one axis free; give all but one of data, fsdp, tensor a size"
            )
        for axis, size in zip(AXES, sizes, strict=True):
            if size < 1 and size != -1:
                raise ValueError(f"mesh.{axis} is {size}; it must be at least 1, or -1 for all remaining devices")

    def resolve(self, devices: int) -> tuple[int, int, int]:
        """The sizes (data, fsdp, tensor) on that many devices.

        Raises:
          ValueError: if the devices do not split so.
        """
        sizes = dataclasses.astuple(self)
        fixed = math.prod(size for size in sizes if size != -1)
        if devices % fixed or (-1 not in sizes and fixed != devices):
            raise ValueError(
                f"mesh data x fsdp x tensor = {sizes} does not fit {devices} devices; "
                f"their product must be {devices}, or leave one axis -1"
            )
        data, fsdp, tensor = (devices // fixed if size == -1 else size for size in sizes)
        return data, fsdp, tensor


def make_mesh(shape: MeshShape, devices: Sequence[Any] | None = None) -> Mesh:
    """A mesh of all devices (or of those given), its axes automatic."""
    devices = jax.devices() if devices is None else devices
    # An axis may take part of a side of a slice (tensor 2 of a 4x4): jax.make_mesh allows that on v5e alone.
    arranged = mesh_utils.create_device_mesh(shape.resolve(len(devices)), list(devices), allow_split_physical_axes=True)
    return Mesh(arranged, AXES, axis_types=(AxisType.Auto,) * 3)
