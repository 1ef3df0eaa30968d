"""SIGTERM and SIGINT become a flag that the loop reads between steps, so that it can save before it goes."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator

from absl import logging

EXIT_CODE = 143  # 128 + SIGTERM: what a shell reports of a terminated process; the run is saved and can be resumed


class Interrupted(Exception):
    """The run was asked to stop, saved, and left; the same command resumes it."""


class Request:
    """True once the process was asked to stop."""

    def __init__(self) -> None:
        self.received = False

    def __bool__(self) -> bool:
        return self.received


@contextlib.contextmanager
def stop_requests() -> Iterator[Request]:
    """Catches the signals while the block runs; none outside the main thread, where Python allows no handlers."""
    request = Request()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return

    def handle(number: int, _: object) -> None:
        if request.received:  # a second signal does not wait for the save
            raise KeyboardInterrupt
        logging.info("signal %s: saving after this step; once more to leave at once", signal.Signals(number).name)
        request.received = True

    previous = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield request
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
