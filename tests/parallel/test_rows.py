"""Which process holds which rows, on meshes of devices that are only described."""

from __future__ import annotations

import dataclasses
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
import pytest

from entropy_rl.parallel import rows
from entropy_rl.parallel.mesh import MeshShape, make_mesh


@dataclasses.dataclass(frozen=True)
class Device:
    process_index: int


class FakeMesh:
    """Processes of the devices of a mesh, [rows, tensor]."""

    def __init__(self, table: list[list[int]]):
        self.devices = np.array([[Device(process) for process in row] for row in table])
        self.shape = {"data": 1, "fsdp": len(table), "tensor": len(table[0])}


def teams(table: list[list[int]]) -> Any:
    return rows.teams(FakeMesh(table))  # type: ignore[arg-type]


def test_each_process_has_rows_of_its_own_where_tensor_stays_within_it():
    assert teams([[0], [0], [1], [1]]) == ((0,), (1,))


def test_rows_of_a_process_need_not_lie_together():
    assert teams([[0], [1], [1], [0]]) == ((0,), (1,))  # a ring through 2 x 2 chips of two hosts


def test_processes_that_tensor_spans_form_a_team_in_the_order_of_their_rows():
    assert teams([[2, 3], [2, 3], [0, 1], [0, 1]]) == ((2, 3), (0, 1))


@pytest.mark.parametrize("table", [[[0, 1], [1, 2]], [[0], [0], [1]]], ids=["rows overlap", "unequal shares"])
def test_rows_that_do_not_fall_to_whole_hosts_are_refused(table):
    with pytest.raises(ValueError, match="do not fall to whole hosts; choose mesh.tensor"):
        teams(table)


def test_one_process_owns_all_rows_and_leads(monkeypatch):
    mesh = make_mesh(MeshShape(), jax.devices()[:1])
    assert rows.own_rows(mesh, 3).tolist() == [0, 1, 2]
    assert rows.team(mesh).leads and rows.team(mesh).count == 1
    placed = rows.from_local_rows(mesh, {"a": np.arange(6).reshape(3, 2)})
    np.testing.assert_array_equal(rows.local_rows(placed["a"]), np.arange(6).reshape(3, 2))


def test_local_rows_reads_each_shard_to_its_own_place(monkeypatch):
    """Rows 0-1 and 6-7 of eight are here, each on two devices that split the columns; the others are elsewhere."""
    whole = np.arange(8 * 4).reshape(8, 4)
    bounds = [
        (slice(6, 8), slice(0, 2)),
        (slice(0, 2), slice(2, 4)),
        (slice(6, 8), slice(2, 4)),
        (slice(0, 2), slice(0, 2)),
    ]
    shards = [SimpleNamespace(index=index, data=whole[index]) for index in bounds]
    array = SimpleNamespace(
        is_fully_addressable=False, shape=(8, 4), dtype=whole.dtype, addressable_shards=shards, sharding=None
    )
    monkeypatch.setattr(rows.jax, "process_count", lambda: 2)
    monkeypatch.setattr(rows, "_mesh", lambda array: None)
    monkeypatch.setattr(rows, "own_rows", lambda mesh, size: np.array([0, 1, 6, 7]))
    np.testing.assert_array_equal(rows.local_rows(array), whole[[0, 1, 6, 7]])


def test_slots_are_shared_among_processes_and_split_by_their_devices(monkeypatch):
    monkeypatch.setattr(rows.jax, "process_count", lambda: 2)
    monkeypatch.setattr(rows, "local_shards", lambda mesh: 4)
    monkeypatch.setattr(rows, "team", lambda mesh: rows.Team(0, 2, (0,)))
    assert [rows.own_slots(None, slots) for slots in (1, 8, 9)] == [4, 4, 8]  # type: ignore[arg-type]
