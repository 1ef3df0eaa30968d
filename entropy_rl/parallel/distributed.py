"""The start of a run on several hosts: every one of them runs the same command, and they find each other.

On Cloud TPU (a VM, a pod's hosts, GKE) everything is detected. Elsewhere flags or the environment say who is who:
JAX_COORDINATOR_ADDRESS (host:port of process 0), JAX_NUM_PROCESSES and JAX_PROCESS_ID.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import jax
from absl import logging

from entropy_rl.parallel import exchange, watchdog

JOIN_SECONDS = 300
HEARTBEAT_SECONDS = 50  # JAX's own watch over lost processes; ours speaks earlier, and says more
SHUTDOWN_SECONDS = 300  # the first process may still be writing
_LOST = re.compile(  # XLA's words for it; jaxlib raises them as JaxRuntimeError or as ValueError
    r"^(UNKNOWN|UNAVAILABLE|INTERNAL|ABORTED|CANCELLED|DEADLINE_EXCEEDED)\b.*"
    r"(gloo|socket closed|connection (reset|closed)|heartbeat|barrier|unavailable|aborted|deadline)",
    re.IGNORECASE | re.DOTALL,
)
_STORAGE = re.compile(r"gs://|\bGCS\b|googleapis|zarr|tensorstore|ocdbt", re.IGNORECASE)  # which uses the same words


class Departure(Exception):
    """This process was asked to stop where the others cannot follow it: they are told, and end with the same code."""

    def __init__(self, message: str, code: int):
        super().__init__(message)
        self.code = code


@dataclasses.dataclass(frozen=True)
class Hosts:
    """Who takes part.

    Attributes:
      coordinator: "host:port" of process 0; "" to take it from the environment, or to detect it.
      processes: how many take part; with nothing else given, how many must be detected. 0 if nobody says.
      process: the number of this one; -1 likewise.
      join_seconds: how long to wait for the others.
    """

    coordinator: str = ""
    processes: int = 0
    process: int = -1
    join_seconds: int = JOIN_SECONDS

    def completed(self) -> Hosts:
        """What was not given, from the environment.

        Raises:
          ValueError: if some of it is missing, or makes no sense.
        """
        coordinator = self.coordinator or os.environ.get("JAX_COORDINATOR_ADDRESS", "")
        if not coordinator:
            return self
        processes = self.processes or int(os.environ.get("JAX_NUM_PROCESSES", "0"))
        process = self.process if self.process >= 0 else int(os.environ.get("JAX_PROCESS_ID", "-1"))
        if ":" not in coordinator or not 0 <= process < processes:
            raise ValueError(
                f"coordinator {coordinator!r}, {processes} processes, process id {process}: a run on several hosts "
                "needs --coordinator=HOST:PORT, --processes=N and --process_id in 0 .. N-1 (or "
                "JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES and JAX_PROCESS_ID); on Cloud TPU none of them"
            )
        return dataclasses.replace(self, coordinator=coordinator, processes=processes, process=process)


@contextlib.contextmanager
def joined(hosts: Hosts = Hosts(), orderly: Sequence[int] = (0,)) -> Iterator[None]:
    """Finds the other processes, watches over them while the block runs, and parts from them.

    An error in the block ends the process at once, for the others wait for it; they are told why. Exit codes: that of
    the error, or of the Departure; watchdog.EXIT_CODE (75) if another process was lost or failed, after which the same
    command resumes; 134 if the first process, which holds JAX's own service, was killed: JAX then ends the others.

    Args:
      orderly: codes of SystemExit with which all processes end alike.

    Raises:
      ValueError: if fewer processes take part than were to.
    """
    hosts = hosts.completed()
    _initialise(hosts)
    if hosts.processes and jax.process_count() != hosts.processes:
        raise ValueError(
            f"{jax.process_count()} processes take part, but {hosts.processes} were to: start the same command on "
            "every host (on a TPU: on all workers), or correct --processes"
        )
    if jax.process_count() == 1:
        yield
        return
    devices = f"{jax.local_device_count()} of {jax.device_count()} devices"
    logging.info("process %d of %d, with %s", jax.process_index(), jax.process_count(), devices)
    watch = watchdog.Watchdog(exchange.store(), jax.process_index(), jax.process_count())
    try:
        yield
    except SystemExit as left:
        if left.code not in (None, *orderly):
            _leave(watch, f"exit code {left.code}; see its log", left.code if isinstance(left.code, int) else 1)
        _part(watch)
        raise
    except Departure as departure:
        logging.info("%s", departure)
        _leave(watch, str(departure), departure.code)
    except BaseException as error:  # the others wait for this process, whatever ended it
        lost = lost_peer(error)
        told = watch.told() if lost else None
        if told is not None:
            logging.error("%s. This process ends with it", told[0])
            _leave(watch, *told)
        _explain(error, lost)
        _leave(watch, f"{type(error).__name__}: {error}", watchdog.EXIT_CODE if lost else 1)
    _part(watch)


def _initialise(hosts: Hosts) -> None:
    seconds = hosts.join_seconds + 60  # JAX's own end of patience is an abort: ours comes first
    timeouts: dict[str, Any] = {
        "initialization_timeout": seconds,
        "heartbeat_timeout_seconds": HEARTBEAT_SECONDS,
        "shutdown_timeout_seconds": SHUTDOWN_SECONDS,
    }
    late = threading.Timer(hosts.join_seconds, _give_up, [hosts])
    late.daemon = True
    late.start()
    try:
        if hosts.coordinator:
            if _platforms() in ("", "cpu"):
                jax.config.update("jax_cpu_collectives_implementation", "gloo")
            jax.distributed.initialize(hosts.coordinator, hosts.processes, hosts.process, **timeouts)
        elif _platforms() != "cpu":
            _detect(timeouts)
    finally:
        late.cancel()


def _give_up(hosts: Hosts) -> None:
    who = f" {hosts.process} of {hosts.processes}" if hosts.coordinator else ""
    logging.error(
        "process%s has waited %d s for the others, and not all of them joined: start the same command on every host "
        "(on a TPU: on all workers), and see that they reach %s",
        who, hosts.join_seconds, hosts.coordinator or "the first one",
    )  # fmt: skip
    logging.flush()
    os._exit(1)


def _platforms() -> str:
    return getattr(jax.config, "jax_platforms", "") or ""


def _detect(timeouts: dict[str, Any]) -> None:
    """Joins the cluster that JAX finds itself in; a machine of its own is none."""
    try:
        jax.distributed.initialize(**timeouts)
    except ValueError as error:
        if "must be defined" not in str(error) and "should be defined" not in str(error):
            raise
        logging.debug("no cluster found: %s", error)
    except RuntimeError as error:  # called from a program that has used JAX, such as a notebook
        if "must be called before" not in str(error):
            raise
        logging.debug("JAX is in use already: %s", error)


def lost_peer(error: BaseException | None) -> bool:
    """Whether an error, or one that led to it, says that another process is gone."""
    while error is not None:
        text = str(error)
        if _LOST.match(text) and not _STORAGE.search(text):
            return True
        error = error.__cause__ or error.__context__
    return False


def _explain(error: BaseException, lost: bool) -> None:
    if lost:
        logging.error(
            "process %d: another process has probably ended (%s). Run the same command on all hosts to go on from the "
            "last checkpoint",
            jax.process_index(), error,
        )  # fmt: skip
    elif isinstance(error, (ValueError, exchange.Disagreement)):
        logging.error("%s", error)
    else:
        logging.error("process %d ends: %s", jax.process_index(), error, exc_info=error)


def _leave(watch: watchdog.Watchdog, message: str, code: int) -> None:
    """Ends this process, which its peers wait for, without waiting for them."""
    watch.failed(message, code)
    logging.flush()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def _part(watch: watchdog.Watchdog) -> None:
    watch.stop()
    jax.distributed.shutdown()
