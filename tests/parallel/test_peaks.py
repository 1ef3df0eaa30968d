"""What a device can do at most, and what it says of its memory."""

import dataclasses
from typing import Any

import jax
import pytest

from entropy_rl.parallel import devices


@dataclasses.dataclass(frozen=True)
class Device:
    device_kind: str
    statistics: Any = None

    def memory_stats(self) -> Any:
        if isinstance(self.statistics, Exception):
            raise self.statistics
        return self.statistics


def test_nobody_claims_a_peak_for_a_cpu_or_an_unknown_device():
    assert devices.peak(jax.devices("cpu")[0]) is None
    assert devices.peak(Device("NVIDIA GeForce RTX 9999")) is None


def test_every_tpu_of_the_memory_table_has_a_peak_that_needs_many_operations_per_byte():
    for kind in devices.TPU_MEMORY:
        found = devices.peak(Device(kind))
        assert found is not None and 100 < found.flops / found.bandwidth < 700, kind


@pytest.mark.parametrize("statistics", [None, {}, {"bytes_in_use": 1}, jax.errors.JaxRuntimeError("not here")])
def test_memory_that_nobody_counts_is_not_reported(statistics):
    assert devices.memory_in_use(Device("x", statistics)) is None


def test_a_mistake_in_asking_is_not_taken_for_a_device_that_does_not_tell():
    with pytest.raises(AttributeError):
        devices.memory_in_use(Device("x", AttributeError("memory_stat")))


def test_memory_in_use_and_at_most():
    assert devices.memory_in_use(Device("x", {"bytes_in_use": 3, "peak_bytes_in_use": 5})) == (3, 5)
