"""Keys and values of past tokens, head-major `[L, B, K, T, H]`: the layout that a layer scan updates in place.

They may be stored in fewer bits than they are computed in. int8 keeps one scale per vector of H numbers: 127 levels
of its largest entry, which multiplies scores and weights instead of the vectors themselves.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, cast

import jax
import jax.numpy as jnp
from jax.experimental.layout import Layout, with_layout_constraint

from entropy_rl.types import Array

Storage = Literal["auto", "float32", "bfloat16", "int8"]  # "auto": the policy's compute type
STORAGES: tuple[Storage, ...] = ("auto", "float32", "bfloat16", "int8")
LEVELS = 127
LANES = 128  # numbers that a TPU computes with side by side
SMALLEST = 1e-30  # a vector of zeros has a scale, too


class KeysValues(NamedTuple):
    """Of all layers [L, B, K, T, H], or of one of them without the L."""

    keys: Array
    values: Array
    key_scales: Array | None = None  # [L, B, K, T] float32, where the entries are int8
    value_scales: Array | None = None


def pack(keys: Array, values: Array, storage: Storage = "auto") -> KeysValues:
    """Keys and values [..., H] as they are stored."""
    if storage == "int8":
        (keys, key_scales), (values, value_scales) = _quantized(keys), _quantized(values)
        return KeysValues(keys, values, key_scales, value_scales)
    dtype = keys.dtype if storage == "auto" else jnp.dtype(storage)
    return KeysValues(keys.astype(dtype), values.astype(dtype))


def pack_like(cache: KeysValues, keys: Array, values: Array) -> KeysValues:
    """Keys and values [..., H] as those of a cache are stored."""
    return pack(keys, values, cast(Storage, cache.keys.dtype.name))


def empty(shape: tuple[int, ...], dtype: jnp.dtype, storage: Storage = "auto") -> KeysValues:
    """Room for keys and values of that shape [..., H], computed in `dtype`."""
    stored = jnp.dtype(dtype if storage == "auto" else storage)
    scales = jnp.zeros(shape[:-1], jnp.float32) if storage == "int8" else None
    return KeysValues(jnp.zeros(shape, stored), jnp.zeros(shape, stored), scales, scales)


def write(cache: KeysValues, new: KeysValues, layer: Array, column: Array) -> KeysValues:
    """Puts one token's vectors [b, K, 1, H] into a column of the first b rows of a layer."""
    at = (layer, 0, 0, column, 0)
    put = lambda into, piece: _as_written(jax.lax.dynamic_update_slice(into, piece[None], at[: into.ndim]))  # noqa: E731
    return jax.tree.map(put, cache, new)


def read(cache: KeysValues, layer: Array, rows: int, columns: int) -> KeysValues:
    """The first columns of the first rows of a layer, [rows, K, columns, H]."""

    def piece(leaf: Array) -> Array:
        at = (layer, 0, 0, 0, 0)[: leaf.ndim]
        return jax.lax.dynamic_slice(leaf, at, (1, rows, leaf.shape[2], columns, *leaf.shape[4:]))[0]

    return jax.tree.map(piece, cache)


def gathered(source: KeysValues, origins: Array) -> KeysValues:
    """Rows [n] of a cache in a new one, copied one by one: a gather would turn the cache around and hold it twice."""
    rows = origins.shape[0]
    room = jax.tree.map(lambda leaf: jnp.zeros((leaf.shape[0], rows, *leaf.shape[2:]), leaf.dtype), source)
    return move_rows(room, source, jnp.int32(rows), origins, jnp.arange(rows))


def move_rows(target: KeysValues, source: KeysValues | None, count: Array, origins: Array, places: Array) -> KeysValues:
    """Copies rows, one after the other and in place.

    Args:
      target: whose rows `places[:count]` are overwritten.
      source: where rows `origins[:count]` are read; None for the target itself.
      count: [] int32.
      origins, places: [n] int32, n >= count.
    """

    def move(number: Array, moved: KeysValues) -> KeysValues:
        def copy(into: Array, rows: Array) -> Array:
            row = jax.lax.dynamic_slice_in_dim(rows, origins[number], 1, axis=1)
            return _as_written(jax.lax.dynamic_update_slice_in_dim(into, row, places[number], axis=1))

        return jax.tree.map(copy, moved, moved if source is None else source)

    return jax.lax.fori_loop(0, count, move, target)


def _quantized(vectors: Array) -> tuple[Array, Array]:
    wide = vectors.astype(jnp.float32)
    scales = jnp.maximum(jnp.max(jnp.abs(wide), axis=-1), SMALLEST) / LEVELS
    return jnp.round(wide / scales[..., None]).astype(jnp.int8), scales


def _as_written(array: Array) -> Array:
    """In memory as its axes are written, where heads fill the lanes of a TPU.

    Left to itself its compiler turns such a cache around in every step. Narrower heads would be padded, and there it
    finds a good order by itself.
    """
    if array.ndim < 5 or array.shape[-1] % LANES:
        return array
    return with_layout_constraint(array, Layout(tuple(range(array.ndim))))
