"""The compiler's persistent cache: what was compiled once is read, by later processes, in a fraction of the time."""

from __future__ import annotations

import os
import pathlib
from typing import Any

import jax
from absl import logging

FOLDER = "entropy_rl/compiled"  # under the user's cache folder
MOST_BYTES = 4 << 30  # the programs used least lately are dropped beyond it
SHORTEST = 0.3  # s: programs that compile faster are not kept


def keep_programs() -> None:
    """Turns the cache on, unless JAX's own variables or settings already say where it is or that there is none.

    It lies in $XDG_CACHE_HOME or ~/.cache. JAX_COMPILATION_CACHE_DIR moves it, a bucket included;
    JAX_ENABLE_COMPILATION_CACHE=false turns it off. Where the folder cannot be made there is none, and a line says so.
    """
    settings: Any = jax.config
    if settings.jax_compilation_cache_dir or not settings.jax_enable_compilation_cache:
        return
    root = os.environ.get("XDG_CACHE_HOME")
    try:
        folder = (pathlib.Path(root) if root else pathlib.Path.home() / ".cache") / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError) as error:
        logging.warning("compiled programs are not kept for the next start: %s", error)
        return
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_compilation_cache_max_size", MOST_BYTES)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", SHORTEST)


def are_programs_kept() -> bool:
    """Whether what is compiled now can be found again."""
    settings: Any = jax.config
    return bool(settings.jax_compilation_cache_dir and settings.jax_enable_compilation_cache)
