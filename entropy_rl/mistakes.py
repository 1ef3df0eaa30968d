"""A user's mistake ends a command with one sentence; a mistake of ours ends it with a traceback."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterator

from absl import app, logging

_HERE = pathlib.Path(__file__).resolve().parent


@contextlib.contextmanager
def explained() -> Iterator[None]:
    """Turns a ValueError that our own code raised, and so wrote for the user, into a usage error.

    One that JAX or another library raised is a defect and keeps its traceback; --verbosity=1 shows those of the others.
    """
    try:
        yield
    except (ValueError, FileNotFoundError) as error:
        if not _is_ours(error):
            raise
        logging.debug("raised here:", exc_info=error)
        raise app.UsageError(str(error)) from error


def _is_ours(error: BaseException) -> bool:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace is not None and _HERE in pathlib.Path(trace.tb_frame.f_code.co_filename).resolve().parents
