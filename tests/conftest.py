"""One platform for every test: the CPU, one device, compiled programs cached between runs."""

from __future__ import annotations

import gc
import os
import pathlib

import pytest

MOST_MAPS = 20_000
REPOSITORY = pathlib.Path(__file__).resolve().parent.parent

# Set before anything imports jax. Tests of several devices start a process of their own with forced CPU devices.
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(REPOSITORY / ".jax_cache"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")  # tests compile many small programs


@pytest.fixture(autouse=True, scope="module")
def compiled_programs_are_let_go():
    """Every compiled program maps memory, and Linux allows a process 65,530 maps: past them the compiler crashes."""
    yield
    maps = pathlib.Path("/proc/self/maps")
    if maps.exists() and len(maps.read_bytes().splitlines()) > MOST_MAPS:
        import jax

        jax.clear_caches()
        gc.collect()
