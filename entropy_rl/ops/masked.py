"""Statistics over the tokens that count.

Every function replaces what the mask leaves out before it computes, so that NaN in padding reaches neither the value
nor the gradient. Sums are float32, counts int32. An empty mask gives 0.
"""

from __future__ import annotations

import jax.numpy as jnp

from entropy_rl.types import Array


def zeroed(x: Array, mask: Array) -> Array:
    """`x` where the mask is True, 0 elsewhere; the gradient elsewhere is 0 as well."""
    return jnp.where(mask, x, jnp.zeros((), x.dtype))


def sum(x: Array, mask: Array, axis: int | None = None, keepdims: bool = False) -> Array:
    """Sum of `x` over the True positions of `mask`, in float32."""
    return jnp.sum(zeroed(x, mask), axis=axis, keepdims=keepdims, dtype=jnp.float32)


def count(mask: Array, axis: int | None = None, keepdims: bool = False) -> Array:
    """Number of True positions, int32: float32 would lose tokens beyond 2^24."""
    return jnp.sum(mask, axis=axis, keepdims=keepdims, dtype=jnp.int32)


def mean(x: Array, mask: Array, axis: int | None = None, keepdims: bool = False) -> Array:
    """Mean of `x` over the True positions of `mask`, in float32; 0 if there are none."""
    n_valid = jnp.maximum(count(mask, axis, keepdims), 1).astype(jnp.float32)
    return sum(x, mask, axis, keepdims) / n_valid


def standard_deviation(x: Array, mask: Array, axis: int | None = None, keepdims: bool = False, ddof: int = 1) -> Array:
    """Standard deviation over n - `ddof`; 0 where fewer than two positions count."""
    n_valid = count(mask, axis, keepdims)
    centred = zeroed(x, mask) - mean(x, mask, axis, keepdims=True)
    variance = sum(centred**2, mask, axis, keepdims) / jnp.maximum(n_valid - ddof, 1)
    return jnp.where(n_valid > 1, jnp.sqrt(variance), 0.0)
