"""What a device is good for: its memory, and the type that it computes in by default."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

GIB = 1 << 30
TPU_MEMORY = {  # bytes per JAX device: Cloud TPU documentation, where a runtime does not say
    "TPU v4": 32 * GIB,
    "TPU v5 lite": 16 * GIB,
    "TPU v5": 95 * GIB,
    "TPU v6 lite": 32 * GIB,
    "TPU7x": 96 * GIB,
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
    try:
        limit = (device.memory_stats() or {}).get("bytes_limit")
    except Exception:  # a topology without hardware behind it has no statistics
        limit = None
    if limit:
        return int(limit)
    if device.platform == "cpu":
        return _available_host_memory() // sharing
    return TPU_MEMORY.get(device.device_kind)


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
