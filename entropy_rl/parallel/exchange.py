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
_unread: list[str] = []  # keys of this process that others may still have to read


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
    if jax.process_count() == 1:
        return [value]
    number = next(_numbers)
    own = _put(number, value, place)
    found = _read(number, place)
    while _unread:  # whoever is here has read everything of the exchanges before
        store().key_value_delete(_unread.pop())
    _unread.append(own)
    return found


def to_first(value: Any, place: str) -> list[Any] | None:
    """A JSON value of each process, in their order, on the first process; None on the others, which wait for nobody.

    Raises:
      Disagreement: on the first, if another process is at another place.
    """
    if jax.process_count() == 1:
        return [value]
    number = next(_numbers)
    _unread.append(_put(number, value, place))
    return _read(number, place) if jax.process_index() == 0 else None


def _put(number: int, value: Any, place: str) -> str:
    """Under the key that is given back."""
    key = f"exchange/{number}/{jax.process_index()}"
    store().key_value_set(key, json.dumps([place, value], default=_number))
    return key


def _read(number: int, place: str) -> list[Any]:
    client = store()
    with watchdog.waiting(place):
        found = [
            json.loads(client.blocking_key_value_get(f"exchange/{number}/{process}", _PATIENCE_MS))
            for process in range(jax.process_count())
        ]
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
