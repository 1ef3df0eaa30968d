"""Looking tokens up in a table that several devices share.

Left to itself the compiler gathers a table whose rows are split before it looks anything up, and adds up gradients of
whole tables. Here tokens travel to the table instead: each device looks up, in the piece that it holds, the tokens of
every device that holds other columns of the same rows, sends each its columns, and the holders of other rows add
nothing.
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec

from entropy_rl.ops import partition
from entropy_rl.types import Array

ROWS, COLUMNS = "tensor", "fsdp"  # the mesh axes that "vocab" and "embed" lie on in training


def lookup(table: Array, tokens: Array, dtype: Any, columns_split: bool) -> Array:
    """Rows of a table, cast after they were read, so that their gradients add up in the table's own type.

    Args:
      table: [V, D].
      tokens: [B, T] int32 in [0, V).
      dtype: of the result.
      columns_split: D lies split, as in training; rollouts hold it whole.

    Returns:
      [B, T, D].
    """
    sizes = partition.axis_sizes()
    rows = sizes.get(ROWS, 1)
    columns = sizes.get(COLUMNS, 1) if columns_split and table.shape[1] % sizes.get(COLUMNS, 1) == 0 else 1
    if rows * columns == 1 or table.shape[0] % rows or tokens.shape[0] % partition.batch_shards():
        return table[tokens].astype(dtype)

    def local(piece: Array, own: Array) -> Array:
        asked = own if columns == 1 else jax.lax.all_gather(own, COLUMNS, axis=0, tiled=True)
        number = asked - jax.lax.axis_index(ROWS) * piece.shape[0]
        here = (number >= 0) & (number < piece.shape[0])
        found = piece[jnp.where(here, number, 0)].astype(dtype)
        found = jnp.where(here[..., None], found, jnp.zeros_like(found))
        if columns > 1:
            found = jax.lax.all_to_all(found, COLUMNS, split_axis=0, concat_axis=2, tiled=True)
        return jax.lax.psum(found, ROWS)  # one of them is not zero

    batch = PartitionSpec(partition.batch_axes() or None)
    pieces = PartitionSpec(ROWS, COLUMNS if columns > 1 else None)
    return jax.shard_map(local, in_specs=(pieces, batch), out_specs=batch)(table, tokens)
