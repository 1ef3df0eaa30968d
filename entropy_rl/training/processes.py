"""What processes must agree on or tell each other about their data: each samples and judges its own prompts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import jax
import numpy as np
from jax.sharding import Mesh

from entropy_rl.parallel import exchange
from entropy_rl.parallel.rows import from_local_rows as from_local_rows
from entropy_rl.parallel.rows import local_rows as local_rows
from entropy_rl.parallel.rows import own_rows, team, teams
from entropy_rl.parallel.rows import settled as settled

T = TypeVar("T")


def any_of(flag: bool, place: str = "any of all") -> bool:
    """Whether it is true on any process."""
    return any(exchange.everyones(bool(flag), place))


def everyones(value: Any, place: str = "everyone's values") -> list[Any]:
    """A JSON value of each process, in their order."""
    return exchange.everyones(value, place)


def own(mesh: Mesh, values: Sequence[T]) -> list[T]:
    """Those of a batch that belong to this process: it holds their rows."""
    return [values[row] for row in own_rows(mesh, len(values))]


def merged(mesh: Mesh, values: Sequence[Any], place: str) -> list[Any]:
    """The JSON values of a whole batch in its order, from those of each process's own rows."""
    if jax.process_count() == 1:
        return list(values)
    size = len(values) * team(mesh).count
    rows = own_rows(mesh, size).tolist()
    whole: list[Any] = [None] * size
    for theirs, part in exchange.everyones([rows, list(values)], place):
        for row, value in zip(theirs, part, strict=True):
            whole[row] = value
    return whole


def leaders(
    mesh: Mesh, make: Callable[[], list[T]], to_json: Callable[[T], Any], of_json: Callable[[Any], T]
) -> list[T]:
    """What the first process of each team makes, for all of the team: a verdict may depend on the time that it took."""
    if jax.process_count() == 1 or all(len(members) == 1 for members in teams(mesh)):
        return make()
    mine = [to_json(value) for value in make()] if team(mesh).leads else None
    return [of_json(value) for value in exchange.everyones(mine, "what leaders made")[team(mesh).members[0]]]


def of_teams(mesh: Mesh, value: Any, place: str) -> list[Any]:
    """A JSON value of each team, in their order, on the first process, which writes; [] on the others."""
    several = jax.process_count() > 1
    found = exchange.to_first(value if not several or team(mesh).leads else None, place)
    if found is None:
        return []
    return [found[members[0]] for members in teams(mesh)] if several else found


def figures(measured: dict[str, float], place: str) -> dict[str, float]:
    """Means over processes of figures that each took of equally much."""
    return {name: float(np.mean(parts)) for name, parts in _together(exchange.everyones(measured, place)).items()}


def _together(parts: Sequence[dict[str, float]]) -> dict[str, list[float]]:
    return {name: [part[name] for part in parts if name in part] for name in dict.fromkeys(n for p in parts for n in p)}


def share_of(values: list[list[Any]], process: int, processes: int, most: int) -> list[Any]:
    """What a process takes of lists that as many processes, or another number of them, left behind.

    Args:
      most: it takes; what nobody has room for is given up.
    """
    if len(values) == processes:
        return values[process][:most]
    return [one for part in values for one in part][process::processes][:most]
