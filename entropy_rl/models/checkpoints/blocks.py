"""Parameters leave the devices tensor by tensor, and tables block by block, in the order in which they are stored."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Iterator
from typing import Any

import jax
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from entropy_rl.models import families
from entropy_rl.models import lora as adapters
from entropy_rl.models.decoder import Decoder
from entropy_rl.types import Array, Params

BLOCK = 8 << 20  # bytes of a table that leave the devices at a time


@dataclasses.dataclass(frozen=True)
class Item:
    """One tensor to be written."""

    name: str
    path: families.Path
    tensor: families.Tensor
    layer: int
    nbytes: int


def items(family: families.Family, decoder: Decoder, itemsize: int) -> list[Item]:
    """Every tensor: tables, then layer by layer, so that a reader can stop after any layer."""
    tensors = family.tensors(decoder)
    size = lambda tensor: math.prod(tensor.shape) * itemsize  # noqa: E731
    outer = [Item(tensor.name, path, tensor, 0, size(tensor)) for path, tensor in tensors.items() if not tensor.stacked]
    return outer + [
        Item(tensor.named(layer), path, tensor, layer, size(tensor))
        for layer in range(decoder.layers)
        for path, tensor in tensors.items()
        if tensor.stacked
    ]


def of(item: Item, params: Params, decoder: Decoder, dtype: str) -> Iterator[np.ndarray]:
    """The bytes of a tensor in the order in which they are stored, a block of them at a time."""
    leaf = functools.reduce(lambda node, name: node[name], item.path, params)
    whole = None if leaf.is_fully_addressable else NamedSharding(leaf.sharding.mesh, PartitionSpec())
    inverse = tuple(int(axis) for axis in np.argsort(item.tensor.order))
    if item.tensor.stacked:
        name = item.path[-1]
        factors = {part: params["layers"].get(part) for part in (name + adapters.A, name + adapters.B)}
        factors = {part: factor for part, factor in factors.items() if factor is not None}
        scale = decoder.lora if factors else None
        pieces = [_layer(name, scale, inverse, dtype, whole)({name: leaf} | factors, item.layer)]
    else:
        rows = max(1, BLOCK // max(1, item.nbytes // leaf.shape[0]))
        starts = range(0, leaf.shape[0], rows)
        pieces = (_rows(min(rows, leaf.shape[0] - start), dtype, whole)(leaf, start) for start in starts)
    for piece in pieces:
        block = np.asarray(piece if piece.is_fully_addressable else piece.addressable_data(0))
        if dtype == "float16" and not np.isfinite(block).all():
            raise ValueError(f"{item.name} does not fit float16; export as bfloat16 or float32")
        yield np.ascontiguousarray(block)


@functools.cache
def _layer(name: str, lora: adapters.Lora | None, order: tuple[int, ...], dtype: str, whole: Any) -> Any:
    """One layer of a stack, its adapter merged, transposed as it is stored."""

    def take(stacks: dict[str, Array], layer: Array) -> Array:
        one = {key: jax.lax.dynamic_slice_in_dim(stack, layer, 1) for key, stack in stacks.items()}
        if lora is not None:
            one = adapters.merge({"layers": one}, dataclasses.replace(lora, targets=(name,)))["layers"]
        return one[name][0].transpose(order).astype(dtype)

    return jax.jit(take, out_shardings=whole)


@functools.cache
def _rows(count: int, dtype: str, whole: Any) -> Any:
    """So many rows of a table."""
    take = lambda table, start: jax.lax.dynamic_slice_in_dim(table, start, count).astype(dtype)  # noqa: E731
    return jax.jit(take, out_shardings=whole)
