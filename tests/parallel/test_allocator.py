"""Freed memory stays with the process. In processes of their own: a heap cannot be set back."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
import numpy as np
from entropy_rl.parallel import allocator
kept = allocator.keep_freed_memory()
for _ in range(20):
    np.ones(8 << 20)  # 64 MiB
faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    np.ones(8 << 20)
print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults, "jax" in sys.modules)
"""


def measured(**changes: str) -> tuple[bool, int]:
    """Whether it was done, and page faults of 20 blocks of 64 MiB."""
    tuned = ("MALLOC_", "GLIBC_TUNABLES")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(tuned)}
    environment = kept | {"JAX_PLATFORMS": "cpu", "NUMPY_MADVISE_HUGEPAGE": "0"} | changes
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=True)
    words = done.stdout.split()
    assert words[2] == "False"  # it must come before JAX's threads
    return words[0] == "True", int(words[1])


def takes_large_thresholds() -> bool:
    library, version = platform.libc_ver()
    return library == "glibc" and tuple(int(part) for part in version.split(".")[:2]) >= (2, 35)


@pytest.mark.skipif(not takes_large_thresholds(), reason="other C libraries, and older ones, keep less")
def test_large_blocks_are_found_again():
    untold, many = measured(MALLOC_ARENA_MAX="2")
    assert not untold
    if many < 5_000:  # 20 blocks of 16,384 pages
        pytest.skip("this machine does not count page faults, or its pages are huge")
    told, few = measured()
    assert told and few < many / 10


def test_what_the_user_says_of_malloc_is_left_alone():
    assert not measured(GLIBC_TUNABLES="glibc.malloc.trim_threshold=131072")[0]


def test_machines_with_accelerators_are_left_alone():
    assert not measured(JAX_PLATFORMS="cuda,cpu")[0]
