"""What processes must agree on or tell each other about their data: each samples and judges its own prompts."""

from __future__ import annotations

import json
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils


def any_of(flag: bool) -> bool:
    """Whether it is true on any process."""
    if jax.process_count() == 1:
        return flag
    return bool(np.any(multihost_utils.process_allgather(np.array(flag))))


def concatenated(values: list[float]) -> list[float]:
    """The numbers of all processes, in their order; NaN stays NaN."""
    return [value for part in everyones(values) for value in part]  # as JSON: arrays would be rounded to float32


def everyones(value: Any) -> list[Any]:
    """A JSON value of each process, in their order."""
    if jax.process_count() == 1:
        return [value]
    text = np.frombuffer(json.dumps(value).encode(), np.uint8)
    lengths = multihost_utils.process_allgather(np.array(len(text)))
    padded = np.zeros(int(np.max(lengths)), np.uint8)
    padded[: len(text)] = text
    rows = multihost_utils.process_allgather(padded)
    return [json.loads(row[: int(length)].tobytes()) for row, length in zip(rows, lengths, strict=True)]


def share_of(values: list[list[Any]], process: int, processes: int, most: int) -> list[Any]:
    """What a process takes of lists that as many processes, or another number of them, left behind.

    Args:
      most: it takes; what nobody has room for is given up.
    """
    if len(values) == processes:
        return values[process][:most]
    return [one for part in values for one in part][process::processes][:most]
