"""Times of this process, and the thread and core that a comparison is pinned to."""

from __future__ import annotations

import os
import pathlib
import resource
import time

import jax

Lap = tuple[float, float]  # wall and process-CPU seconds


def pin(threads: int, core: int) -> None:
    """Gives XLA that many threads, and one of them one core. To be called before JAX makes its first array.

    Args:
      threads: 1 is what peers are compared at: torch with two loses its speed as soon as a core is shared.
        0 changes nothing.
      core: the core of a single thread.
    """
    if threads == 1:
        os.sched_setaffinity(0, {core})
        one = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
        os.environ["XLA_FLAGS"] = " ".join([os.environ.get("XLA_FLAGS", ""), one]).strip()


def now() -> Lap:
    return time.perf_counter(), time.process_time()


def since(start: Lap, digits: int = 4) -> Lap:
    """Wall and process-CPU seconds from `start`, to a tenth of a millisecond."""
    wall, cpu = now()
    return round(wall - start[0], digits), round(cpu - start[1], digits)


def unit() -> str:
    """What is compared: process-CPU seconds on a CPU that others share, wall seconds of an accelerator."""
    return "cpu-s" if jax.default_backend() == "cpu" else "s"


def cost(lap: Lap) -> float:
    """The side of a lap that `unit` names."""
    return lap[1] if unit() == "cpu-s" else lap[0]


def process_age() -> float:
    """Wall seconds since this process was started, imports included."""
    after_boot = float(pathlib.Path("/proc/self/stat").read_text().rsplit(")", 1)[1].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - after_boot / os.sysconf("SC_CLK_TCK")


def peak_memory() -> float:
    """GiB resident at most so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def resident_memory() -> float:
    """GiB resident now."""
    pages = int(pathlib.Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**30
