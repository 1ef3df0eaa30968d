"""One 32-bit checksum per array, computed where the array lives and equal on every mesh.

Checkpoints need it because overwritten bytes of an array restore without an error (PERFORMANCE notes, section III D).
"""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from entropy_rl.ops import hashing
from entropy_rl.types import Array


def tree_checksums(tree: Any) -> dict[str, int]:
    """A checksum per leaf, by its path ("params/layers/query").

        checksum(x) = sum_i hash(word_i(x) xor hash(i))   mod 2^32,   i = flat index in the whole (unsharded) array

    A sum does not depend on order, so neither on the mesh nor on the number of hosts. The hash is one to one, so a
    change of any single word is always seen; other changes are missed with probability about 2^-32. (A product
    word * hash(i) would be cheaper, but round numbers such as 1.0 end in many zero bits, and so would their products.)

    Args:
      tree: arrays of any dtype, global or local; PRNG keys count as their key data.

    Returns:
      path -> checksum in [0, 2^32). Leaves that are None are not leaves to JAX and are left out.
    """
    return named(tree, computed(tree))


def computed(tree: Any) -> Array | None:
    """The checksums on the devices, for `named`: dispatched, not awaited; None of a tree without leaves."""
    leaves = jax.tree.leaves(tree)
    return _checksums(leaves) if leaves else None


def named(tree: Any, sums: Array | None) -> dict[str, int]:
    """What `computed` gave for a tree, by path; waits for it. The arrays of the tree themselves are not read."""
    leaves = jax.tree_util.tree_flatten_with_path(tree)[0]
    if sums is None:
        return {}
    values = np.asarray(sums.addressable_data(0))  # replicated: every process reads its own copy
    return {path_name(path): int(value) for (path, _), value in zip(leaves, values, strict=True)}


def path_name(path: Any) -> str:
    """The name of a leaf, the same for a field, a key and an index: "opt_state/0/mu/layers/query"."""
    return jax.tree_util.keystr(path, simple=True, separator="/")


@jax.jit
def _checksums(leaves: list[Array]) -> Array:
    return jnp.stack([_checksum(leaf) for leaf in leaves])  # [number of leaves] uint32: one transfer to the host


def _checksum(values: Array) -> Array:
    if jnp.issubdtype(values.dtype, jax.dtypes.prng_key):
        values = jax.random.key_data(values)
    words = _words(values)
    return jnp.sum(hashing.mix(words ^ hashing.mix(hashing.flat_index(words.shape))), dtype=jnp.uint32)


def _words(values: Array) -> Array:
    """The bits as uint32; values of 8 bytes become two words along a new last axis, narrow ones are widened."""
    if values.dtype == jnp.bool_:
        return values.astype(jnp.uint32)
    if jnp.issubdtype(values.dtype, jnp.complexfloating):
        values = jnp.stack([values.real, values.imag], axis=-1)
    size = values.dtype.itemsize
    if jnp.issubdtype(values.dtype, jnp.integer) and jnp.iinfo(values.dtype).bits < 8:
        return values.astype(jnp.int32).astype(jnp.uint32)  # int4 and its like cannot be bit-cast to bytes
    target = {1: jnp.uint8, 2: jnp.uint16, 4: jnp.uint32, 8: jnp.uint32}[size]
    return jax.lax.bitcast_convert_type(values, target).astype(jnp.uint32)
