"""Compiles the programs of a run before its first step, side by side, so that no step waits for the compiler.

They go into the compiler's persistent cache, from which the first call of each reads its program: without that cache
there is nothing to warm up, and nothing is done.
"""

from __future__ import annotations

import concurrent.futures
import functools
import time
from collections.abc import Sequence

import jax
from absl import logging

from entropy_rl.config import Config
from entropy_rl.parallel import compilation
from entropy_rl.rollout.engine import Engine
from entropy_rl.training import programs
from entropy_rl.training.program import Program

AT_A_TIME = 2


def compile_ahead(config: Config, engine: Engine) -> None:
    """Compiles every program that takes long, with a line of the log for each.

    Args:
      config: resolved.
      engine: of the session.
    """
    if not compilation.are_programs_kept():
        return
    wanted = [program for program in programs.of(config, engine.mesh, engine) if program.kind != "data"]
    started = time.perf_counter()
    # Several processes compile in the same order: on GPUs they settle some choices together.
    workers = AT_A_TIME if jax.process_count() == 1 else 1
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        for done in _all(pool, wanted):
            done.result()
    logging.info("%d programs ready in %.1f s", len(wanted), time.perf_counter() - started)


def _all(pool: concurrent.futures.Executor, wanted: Sequence[Program]) -> Sequence[concurrent.futures.Future[None]]:
    return [pool.submit(functools.partial(_compile, program)) for program in wanted]


def _compile(program: Program) -> None:
    started = time.perf_counter()
    program.lower().compile()
    logging.info("compiled %s in %.1f s", program.name, time.perf_counter() - started)
