"""Notices that another process is gone, has failed, or waits for something else, and ends this one with a message.

A collective whose peer is gone never returns, so a thread of its own looks. Each process writes down, every two
seconds, that it lives and what it waits for; a process that fails writes down why.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from absl import logging

EXIT_CODE = 75  # EX_TEMPFAIL: another process was lost; the same command on all hosts goes on from the last checkpoint
SILENT_SECONDS = 30.0  # without a sign of life, after which a process counts as lost
STALL_SECONDS = 60.0  # for which all processes must have waited, for different things
_PERIOD = 2.0


class _Station:
    """What this process waits for at present; "" while it works."""

    label = ""
    since = 0.0


@contextlib.contextmanager
def waiting(label: str) -> Iterator[None]:
    """Says what this process waits for while the block runs."""
    if _Station.label:  # the outermost one says more
        yield
        return
    _Station.since, _Station.label = time.monotonic(), label
    try:
        yield
    finally:
        _Station.label = ""


class Watchdog:
    """Signs of life of all processes, over the key-value store of jax.distributed."""

    def __init__(self, store: Any, process: int, processes: int, leave: Callable[[str, int], None] | None = None):
        """Starts the thread.

        Args:
          store: the client of jax.distributed.
          leave: called with a message and an exit code when a peer is lost; ends the process at once if None.
        """
        self._store, self._process, self._processes = store, process, processes
        self._leave = leave or ended
        self._seen: dict[int, tuple[str, float]] = {}
        self._unreachable = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Before an orderly end: nobody is missed any more."""
        self._put("over", "yes")
        self._stop.set()
        self._thread.join(_PERIOD * 2)

    def failed(self, message: str, code: int) -> None:
        """Tells the others why this process ends and with which exit code."""
        text = f"process {self._process} on {socket.gethostname()} failed: {message}"[:2000]
        self._put("failed", json.dumps([text, code]))
        self._stop.set()
        self._linger()

    def told(self) -> tuple[str, int] | None:
        """Why another process ended, and its exit code, if it said so: who is left meets but a closed socket."""
        with contextlib.suppress(Exception):
            return self._failure(self._all("failed"))
        return None

    def _linger(self) -> None:
        """The store ends with the first process: the others shall have read it."""
        if self._process == 0:
            time.sleep(2 * _PERIOD)

    def _put(self, what: str, value: str) -> None:
        with contextlib.suppress(Exception):  # the store may be what was lost
            self._store.key_value_set(f"watchdog/{what}/{self._process}", value, allow_overwrite=True)

    def _run(self) -> None:
        number = 0
        while not self._stop.wait(_PERIOD):
            number += 1
            waited = time.monotonic() - _Station.since if _Station.label else 0.0
            beat = {"n": number, "at": _Station.label, "for": waited, "host": socket.gethostname()}
            try:
                self._store.key_value_set(f"watchdog/beat/{self._process}", json.dumps(beat), allow_overwrite=True)
                found = {what: self._all(what) for what in ("beat", "failed", "over")}
                self._unreachable = 0.0
            except Exception as error:  # jaxlib raises its own kinds
                self._unreachable = self._unreachable or time.monotonic()
                if time.monotonic() - self._unreachable > SILENT_SECONDS / 2 and not self._stop.is_set():
                    self._leave(f"process 0, which holds the run together, cannot be reached ({error})", EXIT_CODE)
                continue
            try:
                trouble = self.trouble(found, time.monotonic())
            except Exception as error:  # the watch must outlive whatever it is shown
                logging.log_first_n(logging.WARNING, "the signs of life cannot be read: %r in %s", 3, error, found)
                continue
            if trouble is not None and not self._stop.is_set():
                self._linger()
                self._leave(*trouble)

    def _all(self, what: str) -> dict[int, str]:
        folder = f"watchdog/{what}/"
        return {int(key.rsplit("/", 1)[1]): value for key, value in self._store.key_value_dir_get(folder)}

    def trouble(self, found: Mapping[str, Mapping[int, str]], now: float) -> tuple[str, int] | None:
        """What is wrong with the other processes, and the exit code for it; None if nothing is.

        Args:
          found: by kind of sign ("beat", "failed", "over") the text of each process.
          now: seconds, of any steady clock.
        """
        failure = self._failure(found["failed"])
        if failure is not None:
            return failure
        beats = {process: _beat(text) for process, text in found["beat"].items()}
        for process in sorted({*range(self._processes), *beats} - {self._process}):
            beat = beats.get(process, _beat(""))  # one that is lost before its first beat is missed too
            text = str(beat["n"])
            if process not in self._seen or self._seen[process][0] != text:
                self._seen[process] = text, now
            silent = now - self._seen[process][1]
            if silent > SILENT_SECONDS and process not in found["over"]:
                where = f"process {process} on {beat['host']}"
                return f"{where} has given no sign of life for {silent:.0f} s: killed, preempted or frozen", EXIT_CODE
        stalled = len(beats) == self._processes and all(b["at"] and b["for"] > STALL_SECONDS for b in beats.values())
        if stalled and len({beat["at"] for beat in beats.values()}) > 1:
            each = "; ".join(f"process {p} on {b['host']} for {b['at']}" for p, b in sorted(beats.items()))
            return f"all processes wait, for different things: {each}", 1
        return None

    def _failure(self, failed: Mapping[int, str]) -> tuple[str, int] | None:
        for process, text in failed.items():
            if process != self._process:
                try:
                    message, code = json.loads(text)
                    return str(message), int(code)
                except (ValueError, TypeError):
                    return f"process {process} failed: {text}", 1
        return None


def _beat(text: str) -> dict[str, Any]:
    """A sign of life; one that cannot be read tells by its text alone whether it is a new one."""
    try:
        read = json.loads(text)
        return {"n": read["n"], "at": str(read["at"]), "for": float(read["for"]), "host": read["host"]}
    except (ValueError, KeyError, TypeError):
        return {"n": text, "at": "", "for": 0.0, "host": "an unknown host"}


def ended(message: str, code: int) -> None:
    """Logs why, and ends the process at once: a thread that hangs in a collective cannot be unwound."""
    remedy = "; run the same command on all hosts to go on from the last checkpoint" if code == EXIT_CODE else ""
    logging.error("%s. This process ends with it%s", message, remedy)
    logging.flush()
    os._exit(code)
