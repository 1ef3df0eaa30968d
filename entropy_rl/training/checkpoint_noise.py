"""What Orbax says of itself on the log and on stderr, and who need not hear it."""

from __future__ import annotations

import gc
import logging as python_logging
import os
import sys

from absl import logging


def bury_pending_reads() -> None:
    """When one array cannot be read, Orbax leaves the reads of the others pending on a closed event loop.

    Whenever the garbage collector comes upon them they complain on stderr; here they go at once and unheard.
    """
    hook, sys.unraisablehook = sys.unraisablehook, lambda _: None
    try:
        gc.collect()
    finally:
        sys.unraisablehook = hook


def quieten() -> None:
    """Drops Orbax's account of every phase of every save from the log: it shares absl's logger."""
    logger = logging.get_absl_logger()
    if _tells_the_user not in logger.filters:
        logger.addFilter(_tells_the_user)


def _tells_the_user(record: python_logging.LogRecord) -> bool:
    if f"{os.sep}orbax{os.sep}" not in record.pathname:
        return True
    record.exc_info = None  # the exception itself reaches the caller; its pages of traceback hide what we say of it
    return record.levelno >= python_logging.ERROR
