"""The process's heap on a CPU: memory that a step frees stays with the process, where the next step finds it."""

from __future__ import annotations

import ctypes
import importlib.util
import os

LARGEST = 256 << 20, 32 << 20  # bytes: larger blocks go back to the kernel when freed; the most that old ones take
MOST_KEPT = 1 << 30  # bytes at the end of the heap
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # of mallopt(3)


def keep_freed_memory() -> bool:
    """Tells glibc to keep what is freed; to be called before JAX starts its threads.

    XLA's CPU client allocates its buffers anew for every program that it runs. As it comes, malloc hands large blocks
    back to the kernel, and up to a third of the time goes into page faults: a warm start of Countdown and ten steps
    take 44 CPU-seconds with this and 60 without, and no more memory. Results do not depend on it.

    Variables that tune malloc already, another allocator, another C library and a machine with an accelerator are left
    alone; there the first is what the user wants, and the others have no such cost.

    Returns:
      whether it was done.
    """
    if _is_tuned() or not _only_cpu():
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):  # no glibc
        return False
    # First, and alone if it is refused: the others end malloc's own growth of this threshold, from 128 KiB.
    if not any(mallopt(_MMAP_THRESHOLD, most) for most in LARGEST):
        return False
    mallopt(_TRIM_THRESHOLD, MOST_KEPT)
    mallopt(_ARENA_MAX, 1)  # those of threads give whole heaps back, whatever the thresholds say
    return True


def _is_tuned() -> bool:
    """Whether somebody has said how malloc should behave."""
    return any(name.startswith("MALLOC_") for name in os.environ) or "malloc" in os.environ.get("GLIBC_TUNABLES", "")


def _only_cpu() -> bool:
    """Whether JAX will run on the CPU, as far as can be seen before it starts."""
    if platforms := os.environ.get("JAX_PLATFORMS", "").strip():
        return platforms == "cpu"
    return not any(importlib.util.find_spec(plugin) for plugin in ("libtpu", "jax_plugins"))
