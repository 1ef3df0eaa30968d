"""A process of a run in miniature: steps of a wait, an exchange and an update, until it is asked to leave.

Run:  python -m tests.training.stopping_hosts PORT PROCESS PROCESSES FOLDER [EARLY]

EARLY is a process that gets a SIGTERM before its run has begun, when JAX's own handler is in place.
"""

from __future__ import annotations

import os
import pathlib
import random
import signal
import sys
import time

import jax

from entropy_rl.parallel import distributed, exchange
from entropy_rl.training import interrupts


def steps(process: int, folder: pathlib.Path) -> int:
    """How many updates were made before the request to leave."""
    chance, updates = random.Random(process), 0
    with interrupts.stop_requests() as stop:
        stop.opened = True
        try:
            while True:
                stop.point()
                time.sleep(chance.choice([0.0, 0.01, 0.1]))
                exchange.everyones(updates, "the rollout's figures")
                stop.point()
                exchange.everyones(updates, "the update")
                updates += 1
                (folder / f"{process}.updates").write_text(str(updates))
        except interrupts.Leaving:
            return updates


def main(port: str, process: str, processes: str, folder: str, early: str = "") -> None:
    with distributed.joined(distributed.Hosts(f"127.0.0.1:{port}", int(processes), int(process))):
        assert jax.process_index() == int(process)
        if early == process:
            os.kill(os.getpid(), signal.SIGTERM)
        updates = steps(int(process), pathlib.Path(folder))
        exchange.meet("all have left")
        (pathlib.Path(folder) / f"{process}.left").write_text(str(updates))
    sys.exit(interrupts.EXIT_CODE)


if __name__ == "__main__":
    main(*sys.argv[1:])
