"""Slots: the rows that are being decoded, whichever responses they hold. How they are emptied, filled and moved."""

from __future__ import annotations

from typing import Any

import flax.struct
import jax
import jax.numpy as jnp

from entropy_rl.types import Array


@flax.struct.dataclass
class Columns:
    """What is known of each token: in a slot by column of the ring, in a response by position."""

    responses: Array  # [b, T] int32
    logprobs: Array  # [b, T] float32
    entropies: Array  # [b, T] float32
    unit_entropies: Array  # [b, T] float32


@flax.struct.dataclass
class Slots:
    """b rows in decoding."""

    samples: Array  # [b] int32: the response of the call that the slot holds; B if none
    starts: Array  # [b] int32: the column of its first token
    live: Array  # [b] bool
    finished: Array  # [b] bool: ended, and not cut off
    lengths: Array  # [b] int32: tokens so far
    hidden: Array  # [b, D]: predicts the next token
    columns: Columns


@flax.struct.dataclass
class Outputs:
    """B responses, as far as they have left their slots."""

    columns: Columns  # [B, T]
    lengths: Array  # [B] int32
    finished: Array  # [B] bool


def blank(rows: int, length: int, pad_id: int) -> Columns:
    """[rows, T] of nothing."""
    nothing = jnp.zeros((rows, length), jnp.float32)
    return Columns(jnp.full((rows, length), pad_id, jnp.int32), nothing, nothing, nothing)


def opened(samples: Array, hidden: Array, length: int, pad_id: int) -> Slots:
    """Slots [b] that begin with these responses, at column 0."""
    rows = samples.shape[0]
    nothing, zeros = jnp.zeros((rows,), bool), jnp.zeros((rows,), jnp.int32)
    return Slots(samples, zeros, ~nothing, nothing, zeros, hidden, blank(rows, length, pad_id))


def put(slots: Slots, column: Array, new: Columns) -> Columns:
    """Writes one value [b] of each kind into a column of the ring; ended rows keep what they have there."""
    at = (0, column % slots.columns.responses.shape[1])

    def write(array: Array, values: Array) -> Array:
        old = jax.lax.dynamic_slice(array, at, (array.shape[0], 1))
        chosen = jnp.where(slots.live[:, None], values.astype(array.dtype)[:, None], old)
        return jax.lax.dynamic_update_slice(array, chosen, at)

    return jax.tree.map(write, slots.columns, new)


def flushed(outputs: Outputs, slots: Slots, pad_id: int, ring: bool) -> Outputs:
    """The outputs with what the slots hold so far.

    Args:
      ring: rows may have begun at other columns than 0.
    """
    length = outputs.columns.responses.shape[1]
    positions = jnp.arange(length)
    counts = positions < slots.lengths[:, None]

    def write(into: Array, array: Array, fill: int) -> Array:
        if ring:
            array = jnp.take_along_axis(array, (slots.starts[:, None] + positions) % length, axis=1)
        return into.at[slots.samples].set(jnp.where(counts, array, fill), mode="drop")

    columns = jax.tree.map(write, outputs.columns, slots.columns, Columns(pad_id, 0, 0, 0))  # type: ignore[arg-type]
    place = lambda into, values: into.at[slots.samples].set(values, mode="drop")  # noqa: E731
    return Outputs(columns, place(outputs.lengths, slots.lengths), place(outputs.finished, slots.finished))


def refilled(slots: Slots, waiting_from: Array, total: int, hidden_of: Any, column: Array) -> tuple[Slots, Array]:
    """Puts the next responses that wait into the slots that are free; those must have been flushed.

    Args:
      waiting_from: [] int32, the first response that waits; those from `total` on do not exist.
      hidden_of: [b] samples -> [b, D] first hidden states.
      column: [] int32 of the tokens to come.

    Returns:
      The slots, and [b] bool: which of them are new.
    """
    free = ~slots.live
    following = waiting_from + jnp.cumsum(free) - 1
    new = free & (following < total)
    samples = jnp.where(new, following, jnp.where(free, total, slots.samples)).astype(jnp.int32)
    hidden = jnp.where(new[:, None], hidden_of(samples), slots.hidden)
    filled = slots.replace(  # type: ignore[attr-defined]
        samples=samples, starts=jnp.where(new, column, slots.starts), live=slots.live | new,
        finished=slots.finished & ~new, lengths=jnp.where(new, 0, slots.lengths), hidden=hidden,
    )  # fmt: skip
    return filled, new


def chosen(mask: Array) -> tuple[Array, Array]:
    """How many entries of [b] are True, and their indices first, in order [b]."""
    return mask.sum().astype(jnp.int32), jnp.nonzero(mask, size=mask.shape[0], fill_value=0)[0].astype(jnp.int32)


def packing(live: Array, rows: int) -> tuple[Array, Array, Array, Array]:
    """How the live rows of [b] come to lie in the first `rows`, with as few moves as there are.

    Returns:
      the number of moves; where each comes from and goes to, [rows] int32 of which so many count; and for each of the
      first rows, [rows] int32, which one it is afterwards.
    """
    count, beyond = chosen(live & (jnp.arange(live.shape[0]) >= rows))
    _, holes = chosen(~live[:rows])
    origins = beyond[:rows]
    moved = jnp.arange(rows) < count
    afterwards = jnp.arange(rows, dtype=jnp.int32).at[jnp.where(moved, holes, rows)].set(origins, mode="drop")
    return count, origins, holes, afterwards
