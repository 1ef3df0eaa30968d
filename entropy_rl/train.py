"""Trains a run, or goes on with it.

Run:  python -m entropy_rl.train --config=countdown_grpo --workdir=runs/countdown_grpo --set steps=100 --set seed=1

Exit codes: 0, the run is finished; 143, it was asked to stop (SIGTERM, SIGINT) and has saved; 75, another process of
the run was lost (134 if that was the first, which holds JAX's own service); 1, an error. After 143, 75 and 134 the
same command goes on. On several hosts every one of them runs it, with one --workdir that all reach: on Cloud TPU that
is all; elsewhere --coordinator=HOST:PORT --processes=N --process_id=I, or JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES
and JAX_PROCESS_ID.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from absl import app, flags, logging

from entropy_rl import mistakes, overrides, presets
from entropy_rl.config import Config

_CONFIG = flags.DEFINE_string("config", None, "A config file, or the name of a preset.", required=True)
_WORKDIR = flags.DEFINE_string("workdir", None, "The run's folder, local or gs://. One that holds the run resumes it.")
_SET = flags.DEFINE_multi_string("set", [], "path=value, repeatable: changes one field of the config.")
_ALLOW_CHANGE = flags.DEFINE_list(
    "allow_change", [], "Fields that may differ from the workdir's config; 'all' for any."
)
_BASES = flags.DEFINE_string("bases", None, "Folder of cached warm starts; 'bases' beside the workdir by default.")
_COORDINATOR = flags.DEFINE_string("coordinator", "", "HOST:PORT of process 0; on Cloud TPU it is detected.")
_PROCESSES = flags.DEFINE_integer("processes", 0, "How many hosts must take part; on Cloud TPU they are counted.")
_PROCESS_ID = flags.DEFINE_integer("process_id", -1, "The number of this host; on Cloud TPU it is detected.")
_JOIN_SECONDS = flags.DEFINE_integer("join_seconds", 300, "How long to wait for the other hosts.")
_PROFILE = flags.DEFINE_string(
    "profile", "", "Steps to trace with XProf, FIRST:LAST, into the workdir's folder profile."
)
_PRINT_CONFIG = flags.DEFINE_bool("print_config", False, "Print the resolved config and leave.")
_DEVICES = flags.DEFINE_integer(
    "devices", None, "Look whether the config fits so many devices, and leave.", lower_bound=1
)
_SLICES = flags.DEFINE_integer("slices", 1, "With --devices: how many slices they form.", lower_bound=1)


def main(argv: Sequence[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments {argv[1:]}; a field is changed with --set path=value")
    with mistakes.explained():
        config = overrides.apply_overrides(presets.load_config(_CONFIG.value), _SET.value)
        if _DEVICES.value is not None:
            return config.validate_fit(_DEVICES.value, _SLICES.value)  # not resolved: needs no network
        config = config.resolved()
        if _PRINT_CONFIG.value:
            sys.stdout.write(overrides.describe(config) + "\n")
            return
        if not _WORKDIR.value:
            raise ValueError("--workdir is missing; give the folder that the run should write to")
        _train(config, _WORKDIR.value)


def _train(config: Config, workdir: str) -> None:
    import jax  # after the flags, so that --help and a misspelt field answer at once

    from entropy_rl.parallel import allocator, compilation, distributed
    from entropy_rl.training import interrupts

    allocator.keep_freed_memory()
    compilation.keep_programs()
    hosts = distributed.Hosts(_COORDINATOR.value, _PROCESSES.value, _PROCESS_ID.value, _JOIN_SECONDS.value)
    with distributed.joined(hosts, orderly=(0, interrupts.EXIT_CODE)):
        logging.info("devices: %s", jax.devices())
        _run(config, workdir)


def _run(config: Config, workdir: str) -> None:
    from entropy_rl.training import alarms, interrupts, memory, run

    try:
        finished = run(config, workdir, _ALLOW_CHANGE.value, _BASES.value, _PROFILE.value, warm_up=True)
    except interrupts.Interrupted as interrupted:
        logging.info("%s", interrupted)
        sys.exit(interrupts.EXIT_CODE)
    except (alarms.NonFiniteError, memory.OutOfMemoryError, OSError) as error:
        logging.error("%s", error)
        sys.exit(1)
    test = finished.summary["test"]
    figures = [f"{name} {value:.3f}" for name, value in test.items() if isinstance(value, float)]  # no intervals
    logging.info("%s: test %s", config.name, ", ".join(figures))


if __name__ == "__main__":
    app.run(main)
