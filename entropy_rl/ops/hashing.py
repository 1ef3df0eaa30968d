"""A hash of positions: random bits and checksums that cost no memory, since a compiler fuses them into their use."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from entropy_rl.types import Array


def mix(words: Array) -> Array:
    """The finaliser of MurmurHash3 (public domain), a bijection of uint32, shifted so that 0 does not stay 0."""
    words = words + jnp.uint32(0x9E3779B9)
    words = (words ^ (words >> 16)) * jnp.uint32(0x85EBCA6B)
    words = (words ^ (words >> 13)) * jnp.uint32(0xC2B2AE35)
    return words ^ (words >> 16)


def flat_index(shape: tuple[int, ...]) -> Array:
    """Row-major index of every element, mod 2^32. A sum of iotas, so that a sharded array never moves."""
    index = jnp.zeros(shape, jnp.uint32)
    for axis in range(len(shape)):
        stride = math.prod(shape[axis + 1 :]) % 2**32
        index = index + jax.lax.broadcasted_iota(jnp.uint32, shape, axis) * jnp.uint32(stride)
    return index


def bits(key: Array, shape: tuple[int, ...]) -> Array:
    """uint32 noise of a key, good enough to round with; where statistics matter use jax.random, which is slower."""
    seeds = jax.random.bits(key, (2,), jnp.uint32)
    return mix(mix(flat_index(shape) ^ seeds[0]) ^ seeds[1])
