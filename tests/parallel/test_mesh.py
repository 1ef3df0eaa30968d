"""Meshes of slices: the devices of a slice stay together, and what does not fit is named."""

from __future__ import annotations

import dataclasses

import jax
import pytest

from entropy_rl.parallel.mesh import MeshShape, make_mesh


@dataclasses.dataclass(frozen=True)
class Chip:
    """A device as mesh_utils looks at it."""

    id: int
    slice_index: int
    process_index: int
    device_kind: str = "TPU v5 lite"
    platform: str = "tpu"

    @property
    def coords(self) -> tuple[int, int, int]:
        return (self.id % 2, self.id // 2 % 2, 0)

    @property
    def core_on_chip(self) -> int:
        return 0


def chips(slices: int) -> list[Chip]:
    """Slices of 2 x 2 chips, each slice one host."""
    return [Chip(number, number // 4, number // 4) for number in range(4 * slices)]


def test_a_slice_axis_multiplies_the_shards_of_a_batch():
    shape = MeshShape(data=1, fsdp=-1, tensor=2, slice=2)
    assert shape.resolve(16) == (1, 4, 2)  # within each slice
    assert shape.batch_shards(16) == 2 * 4
    assert MeshShape().batch_shards(16) == 16


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (MeshShape(slice=3), "16 devices do not form mesh.slice = 3 slices"),
        (MeshShape(fsdp=16, slice=2), "does not fit 8 devices of a slice"),
        (MeshShape(tensor=5), "does not fit 16 devices;"),
    ],
)
def test_shapes_that_do_not_fit_are_refused(shape, message):
    with pytest.raises(ValueError, match=message):
        shape.resolve(16)


def test_a_slice_below_one_is_refused():
    with pytest.raises(ValueError, match="mesh.slice is 0"):
        MeshShape(slice=0).validate()


def test_the_devices_of_a_slice_share_no_index_of_the_slice_axis_with_another():
    mesh = make_mesh(MeshShape(fsdp=2, tensor=2, slice=2), chips(2))
    assert mesh.axis_names == ("slice", "data", "fsdp", "tensor")
    assert [{chip.slice_index for chip in part.flat} for part in mesh.devices] == [{0}, {1}]


def test_one_slice_has_no_slice_axis():
    mesh = make_mesh(MeshShape(), jax.devices()[:1])
    assert mesh.axis_names == ("data", "fsdp", "tensor")


def test_devices_of_two_slices_are_not_taken_for_one():
    with pytest.raises(ValueError, match="form 2 slices, but mesh.slice is 1"):
        make_mesh(MeshShape(), chips(2))


def test_a_mesh_whose_rows_fall_between_hosts_is_refused():
    three = [dataclasses.replace(chip, process_index=(0, 0, 0, 1)[chip.id]) for chip in chips(1)]
    with pytest.raises(ValueError, match="do not fall to whole hosts"):
        make_mesh(MeshShape(fsdp=2, tensor=2), three)
