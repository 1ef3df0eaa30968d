"""What processes tell each other on the host: JSON values, through the key-value store of jax.distributed.

Not through the devices: there an exchange would stand in line behind the program that samples ahead. Every exchange
says at which place of the program it is, so that processes that took different branches find out in the same moment.
"""

from __future__ import annotations

import itertools
import json
from typing import Any

import jax
from jax._src import distributed  # the store has no public name; Orbax reads it here too

from entropy_rl.parallel import watchdog

_PATIENCE_MS = 24 * 3600 * 1000  # whether a peer is lost or stuck is for the watchdog to say
_numbers = itertools.count()


class Disagreement(RuntimeError):
    """Processes that must do the same do not."""


def store() -> Any:
    """The key-value store that all processes share."""
    client = distributed.global_state.client
    if client is None:
        raise RuntimeError("several processes, but jax.distributed was not initialised: call parallel.distributed.join")
    return client


def everyones(value: Any, place: str) -> list[Any]:
    """A JSON value of each process, in their order; NaN and infinities survive.

    Args:
      place: in the program, the same on all processes.

    Raises:
      Disagreement: if another process is at another place.
    """
    processes, me = jax.process_count(), jax.process_index()
    if processes == 1:
        return [value]
    client, number = store(), next(_numbers)
    client.key_value_set(f"exchange/{number}/{me}", json.dumps([place, value], default=_number))
    with watchdog.waiting(place):
        found = [
            json.loads(client.blocking_key_value_get(f"exchange/{number}/{process}", _PATIENCE_MS))
            for process in range(processes)
        ]
    if number:  # whoever is here has read everything of the exchange before
        client.key_value_delete(f"exchange/{number - 1}/{me}")
    places = [there for there, _ in found]
    if len(set(places)) > 1:
        each = "; ".join(f"process {process} is at {there!r}" for process, there in enumerate(places))
        raise Disagreement(f"processes took different branches: {each}")
    return [value for _, value in found]


def _number(value: Any) -> Any:
    """NumPy's numbers, which rewards like to return."""
    return value.item()


def meet(place: str) -> None:
    """Waits for all processes."""
    everyones(None, place)


def firsts(value: Any, place: str) -> Any:
    """The JSON value that the first process gives; those of the others are not looked at."""
    return everyones(value if jax.process_index() == 0 else None, place)[0]
