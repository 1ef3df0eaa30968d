"""Rounding up or down at random, so that steps far below a number's last bit still count on average.

A weight in bfloat16 has 8 significant bits: a step of less than 2^-9 of it, and those of RL are, would be lost every
time. Rounded at random, up with the probability that makes the mean right, a thousand such steps add up.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from entropy_rl.ops import hashing
from entropy_rl.types import Array, Params


@jax.custom_jvp
def stochastic(values: Array, key: Array) -> Array:
    """bfloat16 neighbours of float32 values: the upper with probability (value - lower) / (upper - lower).

    Its mean is the identity, whose slope it has: who asks what a step would do is not told that nothing moves.

    Source: Gupta et al. 2015, section 3, https://arxiv.org/abs/1502.02551

    Args:
      values: float32; infinities and NaN stay what they are.
      key: used once.
    """
    bits = jax.lax.bitcast_convert_type(values, jnp.uint32)
    noise = hashing.bits(key, values.shape) & jnp.uint32(0xFFFF)
    # The lower half of a float32 is what bfloat16 drops: noise carries into the upper half just as often as it should.
    rounded = jax.lax.bitcast_convert_type((bits + noise) & jnp.uint32(0xFFFF0000), jnp.float32)
    return jnp.where(jnp.isfinite(values), rounded, values).astype(jnp.bfloat16)


@stochastic.defjvp
def _straight_through(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    return stochastic(*primals), tangents[0].astype(jnp.bfloat16)


def cast_like(values: Params, like: Params, key: Array) -> Params:
    """Each float32 array in the type of its counterpart: as it is for float32, rounded at random for bfloat16.

    Args:
      values, like: trees of one structure.
      key: used once; every array draws its own noise.
    """
    leaves, structure = jax.tree.flatten(values)
    cast = [
        stochastic(value.astype(jnp.float32), jax.random.fold_in(key, number))
        if target.dtype == jnp.bfloat16
        else value.astype(target.dtype)
        for number, (value, target) in enumerate(zip(leaves, jax.tree.leaves(like), strict=True))
    ]
    return jax.tree.unflatten(structure, cast)


def apply_updates(params: Params, updates: Params, key: Array) -> Params:
    """params + updates in the types of the params, those in bfloat16 rounded at random."""
    total = jax.tree.map(lambda param, update: param.astype(jnp.float32) + update, params, updates)
    return cast_like(total, params, key)
