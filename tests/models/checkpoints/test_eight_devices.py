"""Sharded loading and export equal one device's, and no process reads more than its shards."""

from __future__ import annotations

import json
import os
import pathlib
import socket
import subprocess
import sys

import pytest

from tests.models.checkpoints import example

WIDE = example.Decoder(
    vocab_size=48, layers=2, width=32, heads=8, kv_heads=2, head_width=8, feed_forward=64, qk_norm=True
)
MATRICES, NORMS = 4 * (48 * 32 * 2 + 2 * (32 * 64 * 2 + 32 * 16 * 2 + 32 * 64 * 3)), 4 * (32 + 2 * (2 * 32 + 2 * 8))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> pathlib.Path:
    return example.write(tmp_path_factory.mktemp("models") / "wide", WIDE, example.tensors(WIDE), files=2)


def started(folder: pathlib.Path, out: pathlib.Path, mesh: tuple[int, int, int], devices: int, *more: str):
    flags = {"JAX_PLATFORMS": "cpu", "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}"}
    module = "tests.models.checkpoints.eight_devices"
    command = [sys.executable, "-m", module, str(folder), str(out), *map(str, mesh), *more]
    return subprocess.Popen(command, env=os.environ | flags, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def answer(process: subprocess.Popen) -> dict:
    out, errors = process.communicate(timeout=240)
    assert process.returncode == 0, errors[-3000:]
    return json.loads(out.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.parametrize("mesh", [(1, 8, 1), (1, 4, 2), (2, 2, 2)], ids=str)
def test_eight_devices_hold_and_write_what_one_does(mesh, folder, tmp_path):
    found = answer(started(folder, tmp_path / "out", mesh, 8))
    assert found == {"read": MATRICES + NORMS, "differing": []}  # every byte once, however many copies there are
    assert example.raw_folder(tmp_path / "out") == example.raw_folder(folder)


@pytest.mark.slow
def test_each_of_two_processes_reads_half_of_every_matrix_and_the_first_one_writes(folder, tmp_path):
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        address = f"localhost:{probe.getsockname()[1]}"
    two = [started(folder, tmp_path / "out", (1, 8, 1), 4, str(number), "2", address) for number in range(2)]
    for found in map(answer, two):
        assert found == {"read": MATRICES // 2 + NORMS, "differing": []}  # "embed" is cut over fsdp
    assert example.raw_folder(tmp_path / "out") == example.raw_folder(folder)
