"""Log-probability and entropy of every token in one pass over tiles of logits: [B, T, V] never exists.

    logits = hidden @ head.T / temperature,   logprob = logits[target] - lse,   entropy = -sum_v p_v log p_v

The backward pass recomputes each tile. With g and e the cotangents of log-prob and entropy,

    d logits_v = g (1[v = target] - p_v) - e p_v (log p_v + entropy)

so that one function serves rescoring, the statistics pass and the update. Four matrix products in all: one forward,
three backward. A head may cap its logits, c tanh(x / c), before the temperature divides them; the slope of the cap,
1 - tanh^2(x / c), then multiplies d logits.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec

from entropy_rl.ops import partition
from entropy_rl.types import Array

TILE_ELEMENTS = 1 << 23  # of float32 logits at a time on a device: 32 MiB
SMALLEST_TILE = 256  # tokens: fewer leave matrix units idle


@flax.struct.dataclass
class Head:
    """What turns hidden states into logits, where that is more than a matrix."""

    weights: Array  # [V, D]
    softcap: float | None = flax.struct.field(pytree_node=False, default=None)  # c in c * tanh(logit / c)

    @property
    def shape(self) -> tuple[int, ...]:
        """(V, D), as a plain head has it."""
        return self.weights.shape


def parts(head: Array | Head) -> tuple[Array, float | None]:
    """The matrix [V, D] of a head and its soft cap; a plain matrix has none."""
    return (head.weights, head.softcap) if isinstance(head, Head) else (head, None)


def logprobs_and_entropies(
    hidden: Array, head: Array | Head, targets: Array, temperature: Array
) -> tuple[Array, Array]:
    """Scores each target token under softmax(hidden @ head.T / temperature).

    Args:
      hidden: [B, T, D], any float type.
      head: [V, D], or a Head around it.
      targets: [B, T] int32 in [0, V).
      temperature: [B] float32, > 0.

    Returns:
      log-probabilities and entropies, both [B, T] float32 in nats.
    """
    weights, softcap = parts(head)
    local = functools.partial(_local, softcap)
    if partition.batch_shards() == 1 or hidden.shape[0] % partition.batch_shards():
        return local(hidden, weights, targets, temperature)
    # By hand, so that each device tiles its own rows and the head's gradient is reduced once and not in every tile.
    rows = PartitionSpec(partition.BATCH_AXES)
    specs = {"in_specs": (rows, PartitionSpec(), rows, rows), "out_specs": (rows, rows)}
    by_device = jax.shard_map(local, **specs, axis_names=set(partition.BATCH_AXES), check_vma=False)
    return by_device(hidden, weights, targets, temperature)


def tile_statistic(
    statistic: Callable[[Array, Array], Array], hidden: Array, head: Array | Head, targets: Array, temperature: Array
) -> Array:
    """[B, T] of any statistic of whole distributions, one token column at a time; differentiable, recomputed backward.

    Args:
      statistic: of normalised log-probabilities [B, V] and targets [B], gives [B].
      hidden, head, targets, temperature: as `logprobs_and_entropies` takes them.
    """

    @jax.checkpoint
    def column(piece: tuple[Array, Array]) -> Array:
        states, chosen = piece
        return statistic(jax.nn.log_softmax(token_logits(states, head, temperature)), chosen)

    return jax.lax.map(column, (hidden.swapaxes(0, 1), targets.swapaxes(0, 1))).swapaxes(0, 1)


def token_logits(hidden: Array, head: Array | Head, temperature: Array) -> Array:
    """[..., V] float32 logits over temperature, which must broadcast against [...]."""
    return _capped(hidden, *parts(head)) / temperature[..., None]


def _capped(hidden: Array, weights: Array, softcap: float | None) -> Array:
    logits = jnp.einsum("...D,VD->...V", hidden, weights, preferred_element_type=jnp.float32)
    return logits if softcap is None else softcap * jnp.tanh(logits / softcap)


def _local(
    softcap: float | None, hidden: Array, weights: Array, targets: Array, temperature: Array
) -> tuple[Array, Array]:
    batch, length, _ = hidden.shape
    fitting = max(TILE_ELEMENTS // (batch * weights.shape[0]), -(-SMALLEST_TILE // batch))
    tokens = max(1, min(length, fitting))  # of each row, in one tile
    padding = -length % tokens
    hidden, targets = _pad(hidden, padding), _pad(targets, padding)
    scored: Any = _tiled(tokens, softcap, hidden, weights, targets, temperature)
    logprobs, entropies = scored
    return logprobs[:, :length], entropies[:, :length]


@functools.partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def _tiled(
    tokens: int, softcap: float | None, hidden: Array, weights: Array, targets: Array, temperature: Array
) -> tuple[Array, Array]:
    logprobs, entropies, _ = _forward_tiles(tokens, softcap, hidden, weights, targets, temperature)
    return logprobs, entropies


def _forward_tiles(tokens, softcap, hidden, weights, targets, temperature):
    def tile(_, piece):
        tile_hidden, tile_targets = piece
        logits = _capped(tile_hidden, weights, softcap) / temperature[:, None, None]  # [B, C, V]
        normaliser = jax.nn.logsumexp(logits, axis=-1)  # [B, C]
        logprobs = logits - normaliser[..., None]
        entropy = -jnp.sum(jnp.exp(logprobs) * logprobs, axis=-1)
        chosen = jnp.sum(jnp.where(_is_target(logits, tile_targets), logits, 0.0), axis=-1)
        return None, (chosen - normaliser, entropy, normaliser)

    _, pieces = jax.lax.scan(tile, None, (_split(hidden, tokens), _split(targets, tokens)))
    return tuple(_join(piece) for piece in pieces)


def _forward(tokens, softcap, hidden, weights, targets, temperature):
    logprobs, entropies, normalisers = _forward_tiles(tokens, softcap, hidden, weights, targets, temperature)
    return (logprobs, entropies), (hidden, weights, targets, temperature, normalisers, entropies)


def _backward(tokens, softcap, residuals, cotangents):
    hidden, weights, targets, temperature, normalisers, entropies = residuals

    def tile(gradient, piece):
        tile_hidden, tile_targets, normaliser, entropy, g, e = piece
        capped = _capped(tile_hidden, weights, softcap)  # [B, C, V]
        logprobs = capped / temperature[:, None, None] - normaliser[..., None]
        probabilities = jnp.exp(logprobs)
        slope = -probabilities * (g[..., None] + e[..., None] * (logprobs + entropy[..., None]))
        slope = slope + jnp.where(_is_target(capped, tile_targets), g[..., None], 0.0)
        slope = slope / temperature[:, None, None]
        if softcap is not None:
            slope = slope * (1.0 - (capped / softcap) ** 2)
        slope = slope.astype(hidden.dtype)
        gradient = gradient + jnp.einsum("BCV,BCD->VD", slope, tile_hidden, preferred_element_type=jnp.float32)
        return gradient, jnp.einsum("BCV,VD->BCD", slope, weights, preferred_element_type=jnp.float32)

    pieces = tuple(_split(a, tokens) for a in (hidden, targets, normalisers, entropies, *cotangents))
    gradient, hidden_gradient = jax.lax.scan(tile, jnp.zeros(weights.shape, jnp.float32), pieces)
    return (
        _join(hidden_gradient).astype(hidden.dtype),
        gradient.astype(weights.dtype),
        None,
        jnp.zeros_like(temperature),
    )


_tiled.defvjp(_forward, _backward)


def _is_target(logits: Array, targets: Array) -> Array:
    return jax.lax.broadcasted_iota(jnp.int32, logits.shape, logits.ndim - 1) == targets[..., None]


def _pad(array: Array, padding: int) -> Array:
    return jnp.pad(array, ((0, 0), (0, padding)) + ((0, 0),) * (array.ndim - 2)) if padding else array


def _split(array: Array, tokens: int) -> Array:
    """[B, T, ...] -> [T / C, B, C, ...], the rows of a tile staying on their device."""
    return jnp.moveaxis(array.reshape(array.shape[0], -1, tokens, *array.shape[2:]), 1, 0)


def _join(pieces: Array) -> Array:
    joined = jnp.moveaxis(pieces, 0, 1)
    return joined.reshape(joined.shape[0], -1, *joined.shape[3:])
