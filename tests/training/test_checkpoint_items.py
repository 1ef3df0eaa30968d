"""Which errors of reading a checkpoint are the checkpoint's own."""

from __future__ import annotations

import jax
import pytest

from entropy_rl.training.checkpoint_items import DamagedError, is_damage


def chained(text: str) -> Exception:
    """As Orbax wraps what TensorStore says."""
    error = RuntimeError("an array could not be read")
    error.__cause__ = ValueError(text)
    return error


@pytest.mark.parametrize(
    "fault",
    [
        jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 1073741824 bytes."),
        chained("UNAVAILABLE: GCS request failed: HTTP 503"),
        chained("DEADLINE_EXCEEDED: while reading zarr.json"),
        PermissionError(13, "Permission denied"),
        OSError(24, "Too many open files"),
        ConnectionResetError(104, "Connection reset by peer"),
        TimeoutError(),
        MemoryError(),
    ],
    ids=repr,
)
def test_memory_access_and_the_way_there_are_no_damage(fault):
    assert not is_damage(fault)


@pytest.mark.parametrize(
    "damage",
    [
        DamagedError("the checksum of data does not match"),
        chained("DATA_LOSS: Error reading chunk: zstd error"),
        chained("OUT_OF_RANGE: Requested byte range [0, 90) is not valid for value of size 80"),
        FileNotFoundError(2, "No such file or directory"),
        OSError(5, "Input/output error"),
        ValueError("Expecting value: line 1 column 1 (char 0)"),
    ],
    ids=repr,
)
def test_bytes_that_are_missing_or_wrong_are(damage):
    assert is_damage(damage)
