"""What a device is good for: its memory, and the type that it computes in by default."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable
from typing import Any

import jax

GIB = 1 << 30
TPU_MEMORY = {  # bytes per JAX device: Cloud TPU documentation, where a runtime does not say
    "TPU v4": 32 * GIB,
    "TPU v5 lite": 16 * GIB,
    "TPU v5": 95 * GIB,
    "TPU v6 lite": 32 * GIB,
    "TPU7x": 96 * GIB,
}


@dataclasses.dataclass(frozen=True)
class Peak:
    """What a JAX device can do at most, by its maker.

    Attributes:
      flops: bfloat16 matrix products, without sparsity, in operations per second.
      bandwidth: of its memory, bytes per second.
    """

    flops: float
    bandwidth: float


# By `device_kind`. Sources: https://docs.cloud.google.com/tpu/docs/v4, /v5e, /v5p, /v6e, /tpu7x; NVIDIA's data sheets
# of A100, H100, H200, B200, L4 and L40S, their figures with sparsity halved.
PEAKS = {
    "TPU v4": Peak(275e12, 1228e9),
    "TPU v5 lite": Peak(197e12, 819e9),
    "TPU v5": Peak(459e12, 2765e9),
    "TPU v5p": Peak(459e12, 2765e9),
    "TPU v6 lite": Peak(918e12, 1638e9),
    "TPU7x": Peak(2307e12 / 2, 7380e9 / 2),  # a chip is two devices
    "NVIDIA A100-SXM4-40GB": Peak(312e12, 1555e9),
    "NVIDIA A100-SXM4-80GB": Peak(312e12, 2039e9),
    "NVIDIA A100-PCIE-40GB": Peak(312e12, 1555e9),
    "NVIDIA A100 80GB PCIe": Peak(312e12, 1935e9),
    "NVIDIA H100 80GB HBM3": Peak(989e12, 3350e9),
    "NVIDIA H100 PCIe": Peak(756e12, 2000e9),
    "NVIDIA H100 NVL": Peak(835e12, 3900e9),
    "NVIDIA H200": Peak(989e12, 4800e9),
    "NVIDIA B200": Peak(2250e12, 8000e9),
    "NVIDIA L4": Peak(121e12, 300e9),
    "NVIDIA L40S": Peak(362e12, 864e9),
}
AMPERE = 8.0  # compute capability of the first NVIDIA generation with bfloat16 matrix units; a T4 is 7.5


def default_compute_dtype(device: Any) -> str:
    """bfloat16 where matrix units take it (TPUs, NVIDIA's Ampere and newer); float32 on CPUs and older GPUs."""
    if device.platform == "tpu":
        return "bfloat16"
    if device.platform in ("gpu", "cuda", "rocm"):
        try:
            return "bfloat16" if float(getattr(device, "compute_capability", 0.0)) >= AMPERE else "float32"
        except (TypeError, ValueError):  # AMD's names are no numbers: gfx90a
            return "bfloat16"
    return "float32"


def concrete(policy: Any, device: Any) -> Any:
    """The policy with a compute type in the place of "auto"."""
    if policy.compute_dtype != "auto":
        return policy
    return dataclasses.replace(policy, compute_dtype=default_compute_dtype(device))


def memory_bytes(device: Any, sharing: int = 1) -> int | None:
    """What a program may use on a device; None where nobody says.

    Args:
      sharing: devices that share a host's memory, where the device is the host.
    """
    limit = _statistics(device).get("bytes_limit")
    if limit:
        return int(limit)
    if device.platform == "cpu":
        return _available_host_memory() // sharing
    return TPU_MEMORY.get(device.device_kind)


def peak(device: Any) -> Peak | None:
    """The most that a device can do; None of a CPU, or of one that the table does not know."""
    return PEAKS.get(device.device_kind)


def memory_in_use(device: Any) -> tuple[int, int] | None:
    """Bytes of a device's memory in use now, and at most since the process began; None where nobody counts them."""
    found = _statistics(device)
    if "bytes_in_use" not in found or "peak_bytes_in_use" not in found:
        return None
    return int(found["bytes_in_use"]), int(found["peak_bytes_in_use"])


def own(devices: Iterable[Any]) -> list[Any]:
    """Those of this process, which can ask nothing of another's; all of them if it has none."""
    devices = list(devices)
    return [device for device in devices if device.process_index == jax.process_index()] or devices


def _statistics(device: Any) -> dict[str, Any]:
    try:
        return device.memory_stats() or {}
    except (jax.errors.JaxRuntimeError, NotImplementedError):  # another process's, or a topology without hardware
        return {}


def _available_host_memory() -> int:
    try:
        with open("/proc/meminfo") as lines:
            fields = dict(line.split(":", 1) for line in lines)
        return int(fields["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def describe(devices: Any) -> str:
    """ "8 x TPU v5 lite"."""
    return f"{len(devices)} x {devices[0].device_kind}"
