"""A reward's way to the workers: only the user's own code is pickled."""

from __future__ import annotations

import importlib.util
import sys
from typing import Any


def pickled(reward: Any) -> bytes:
    """The reward's own code: only what the user wrote goes this way, never a file or a text of the policy.

    Raises:
      ValueError: if it cannot be copied.
    """
    import cloudpickle

    for name in {type(reward).__module__, getattr(reward, "__module__", None)} - {"__main__", "builtins", None}:
        module = sys.modules.get(name)
        if module is not None and not _importable(name):  # a config file: workers could not import it by name
            cloudpickle.register_pickle_by_value(module)
    try:
        return cloudpickle.dumps(reward)
    except Exception as error:  # whatever a user's object raises when it is copied
        raise ValueError(
            f"{reward!r:.200} cannot travel to the workers ({error}); make it a function of plain values, or leave "
            "workers None"
        ) from error


def _importable(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except (ImportError, ValueError, AttributeError):
        return False
