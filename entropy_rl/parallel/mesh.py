"""The device mesh: three axes, any of them of size one, and a fourth over the slices of a multislice job."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.experimental import mesh_utils
from jax.sharding import AxisType, Mesh

from entropy_rl.parallel import rows

AXES = ("data", "fsdp", "tensor")
SLICE = "slice"


@dataclasses.dataclass(frozen=True)
class MeshShape:
    """How many devices along each axis; one axis may be -1, which takes all devices that the others leave.

    Attributes:
      data: copies of the parameters; rows are split.
      fsdp: parameters, optimiser state and rows are split.
      tensor: heads, feed-forward width and vocabulary are split.
      slice: slices of a multislice job, each with copies of the parameters; rows are split. Between slices (the
        data-center network) nothing but the sum of gradients has to pass in an update.
    """

    data: int = 1
    fsdp: int = -1
    tensor: int = 1
    slice: int = 1

    def validate(self) -> None:
        """Raises ValueError for a size below 1 that is not the one free axis."""
        sizes = self.data, self.fsdp, self.tensor
        if sizes.count(-1) > 1:
            raise ValueError(
                f"mesh {sizes} leaves more than one axis free; give all but one of data, fsdp, tensor a size"
            )
        for axis, size in zip(AXES, sizes, strict=True):
            if size < 1 and size != -1:
                raise ValueError(f"mesh.{axis} is {size}; it must be at least 1, or -1 for all remaining devices")
        if self.slice < 1:
            raise ValueError(f"mesh.slice is {self.slice}; it is the number of slices, at least 1")

    def resolve(self, devices: int) -> tuple[int, int, int]:
        """The sizes (data, fsdp, tensor) within each slice, of that many devices in all.

        Raises:
          ValueError: if the devices do not split so.
        """
        if devices % self.slice:
            raise ValueError(f"{devices} devices do not form mesh.slice = {self.slice} slices of the same size")
        sizes, here = (self.data, self.fsdp, self.tensor), devices // self.slice
        fixed = math.prod(size for size in sizes if size != -1)
        if here % fixed or (-1 not in sizes and fixed != here):
            raise ValueError(
                f"mesh data x fsdp x tensor = {sizes} does not fit {here} devices{' of a slice' * (self.slice > 1)}; "
                f"their product must be {here}, or leave one axis -1"
            )
        data, fsdp, tensor = (here // fixed if size == -1 else size for size in sizes)
        return data, fsdp, tensor

    def batch_shards(self, devices: int) -> int:
        """Pieces that rows are split into on that many devices."""
        data, fsdp, _ = self.resolve(devices)
        return self.slice * data * fsdp


def make_mesh(shape: MeshShape, devices: Sequence[Any] | None = None) -> Mesh:
    """A mesh of all devices (or of those given), its axes automatic; without the axis "slice" if that is one.

    Raises:
      ValueError: if the devices do not split so, if they form another number of slices, or if rows of a batch would
        not fall to whole hosts.
    """
    devices = list(jax.devices() if devices is None else devices)
    sizes = shape.resolve(len(devices))
    slices = {getattr(device, "slice_index", None) for device in devices}
    if len(slices) > 1 and len(slices) != shape.slice:
        raise ValueError(f"the devices form {len(slices)} slices, but mesh.slice is {shape.slice}; set it to that")
    axes = AXES if shape.slice == 1 else (SLICE, *AXES)
    mesh = Mesh(_arranged(sizes, shape.slice, devices), axes, axis_types=(AxisType.Auto,) * len(axes))
    if len({device.process_index for device in devices}) > 1:
        rows.teams(mesh)  # raises
    return mesh


def _arranged(sizes: tuple[int, int, int], slices: int, devices: list[Any]) -> np.ndarray:
    """Devices in an order that suits the links between them: within a slice, and between slices."""
    if slices == 1:
        # An axis may take part of a side of a slice (tensor 2 of a 4x4): jax.make_mesh allows that on v5e alone.
        return mesh_utils.create_device_mesh(sizes, devices, allow_split_physical_axes=True)
    if len({getattr(device, "slice_index", None) for device in devices}) == slices:
        return mesh_utils.create_hybrid_device_mesh(
            (1, *sizes), (slices, 1, 1, 1), devices, allow_split_physical_axes=True
        )
    return np.array(devices, dtype=object).reshape(slices, *sizes)  # a stand-in for slices: other hardware has none
