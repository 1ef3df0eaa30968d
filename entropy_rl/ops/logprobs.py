"""Log-probability and entropy of every token in one pass over tiles of logits: [B, T, V] never exists.

    logits = hidden @ head.T / temperature,   logprob = logits[target] - lse,   entropy = -sum_v p_v log p_v

A tile is some tokens times some of the vocabulary. Its normaliser and entropy are kept as running sums over the
vocabulary's tiles, relative to the largest logit so far,

    s = sum_v exp(x_v - m),   u = sum_v (x_v - m) exp(x_v - m);   lse = m + log s,   entropy = log s - u / s

The backward pass recomputes each tile. With g and e the cotangents of log-prob and entropy,

    d logits_v = g (1[v = target] - p_v) - e p_v (log p_v + entropy)

and each tile of the head's gradient is added where it belongs, in the one array that becomes the result. So one
function serves rescoring, the statistics pass and the update. Four matrix products in all: one forward, three
backward. A head may cap its logits, c tanh(x / c), before the temperature divides them; the slope of the cap,
1 - tanh^2(x / c), then multiplies d logits. Where the vocabulary lies split over devices, each device tiles its own
part (the axis K below) and running sums meet once, at the end.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec

from entropy_rl.ops import partition
from entropy_rl.types import Array

TILE_ELEMENTS = 1 << 24  # of float32 logits at a time on a device: 64 MiB
CPU_TILE_ELEMENTS = 1 << 21  # 8 MiB: what stays near a core; 16 MiB was measured a quarter slower
TILE_TOKENS = 4096  # at most, where the vocabulary is cut: fewer read and write the head's gradient more often


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
    rows = PartitionSpec(partition.batch_axes())
    specs = {"in_specs": (rows, PartitionSpec(), rows, rows), "out_specs": (rows, rows)}
    by_device = jax.shard_map(local, **specs, axis_names=set(partition.batch_axes()), check_vma=False)
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


def tile_elements() -> int:
    """Logits that exist at a time on each device of the mesh in context, or else of this machine."""
    device = jax.sharding.get_abstract_mesh().abstract_device
    platform = jax.default_backend() if device is None else device.platform
    return CPU_TILE_ELEMENTS if platform == "cpu" else TILE_ELEMENTS


def token_logits(hidden: Array, head: Array | Head, temperature: Array) -> Array:
    """[..., V] float32 logits over temperature, which must broadcast against [...]."""
    return _capped(hidden, *parts(head)) / temperature[..., None]


def _capped(hidden: Array, weights: Array, softcap: float | None) -> Array:
    logits = jnp.einsum("...D,VD->...V", hidden, weights, preferred_element_type=jnp.float32)
    return logits if softcap is None else softcap * jnp.tanh(logits / softcap)


@dataclasses.dataclass(frozen=True)
class _Tiles:
    """How [N, V] is cut, on each of the `shards` parts of the vocabulary; the last tile of words overlaps another."""

    tokens: int  # in a tile; they divide N
    words: int  # of each part of the vocabulary, in a tile
    shards: int = 1
    softcap: float | None = None

    def starts(self, vocabulary: int) -> tuple[Array, Array]:
        """[tiles] first word of each tile in its part, and the first that no tile before has."""
        own = vocabulary // self.shards
        fresh = jnp.arange(0, own, self.words, dtype=jnp.int32)
        return jnp.minimum(fresh, own - self.words), fresh


def _tiles(tokens: int, vocabulary: int, softcap: float | None) -> _Tiles:
    """Equal tiles of at most `tile_elements()` logits on a device; the longer side of [N, V] is cut first."""
    shards = partition.axis_sizes().get(partition.TENSOR, 1)
    shards = 1 if vocabulary % shards else shards
    own, elements = vocabulary // shards, tile_elements()
    together = max(min(tokens, TILE_TOKENS), elements // own, 1)
    words = min(own, max(elements // min(together, tokens), 1))
    return _Tiles(_even(tokens, together), _even(own, words), shards, softcap)


def _even(size: int, limit: int) -> int:
    """The smallest piece of which ceil(size / limit) make up `size`."""
    return max(-(-size // -(-size // limit)), 1) if size else 1


def _local(
    softcap: float | None, hidden: Array, weights: Array, targets: Array, temperature: Array
) -> tuple[Array, Array]:
    batch, length, width = hidden.shape
    tiles = _tiles(batch * length, weights.shape[0], softcap)
    flat = hidden.reshape(-1, width), targets.reshape(-1), jnp.repeat(temperature, length)  # [N, ...]
    if padding := -(batch * length) % tiles.tokens:
        flat = tuple(jnp.concatenate([a, jnp.repeat(a[-1:], padding, axis=0)]) for a in flat)
    scored: Any = _tiled(tiles, flat[0], weights, *flat[1:])
    logprobs, entropies = (values[: batch * length].reshape(batch, length) for values in scored)
    return logprobs, entropies


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _tiled(tiles: _Tiles, hidden: Array, weights: Array, targets: Array, temperature: Array) -> tuple[Array, Array]:
    """[N] log-probs and entropies of [N, D]."""
    logprobs, entropies, _ = _forward_tiles(tiles, hidden, weights, targets, temperature)
    return logprobs, entropies


def _forward_tiles(tiles, hidden, weights, targets, temperature):
    parted = _by_shard(weights, tiles)

    def column(piece):  # of tiles: some tokens, all words
        states, chosen, divisors = piece

        def tile(carry, starts):
            largest, total, weighted, picked = carry  # [K, C]
            capped, is_target, counts = _logits(tiles, states, parted, chosen, starts)
            logits = capped / divisors  # [K, v, C]
            logits = jnp.where(counts, logits, -jnp.inf) if counts is not None else logits
            new = jnp.maximum(largest, logits.max(axis=1))
            below = logits - new[:, None]
            powers = jnp.exp(below)
            moments = powers * (below if counts is None else jnp.where(counts, below, 0.0))
            shrink, down = _moved(largest, new)
            weighted = shrink * (weighted + down * total) + moments.sum(axis=1)
            total = shrink * total + powers.sum(axis=1)
            picked = picked + jnp.where(is_target, logits, 0.0).sum(axis=1)
            return (new, total, weighted, picked), None

        zeros = jnp.zeros((tiles.shards, tiles.tokens), jnp.float32)
        carry, _ = _scan(tile, (zeros - jnp.inf, zeros, zeros, zeros), tiles.starts(weights.shape[0]))
        return _joined(*carry)

    pieces = (_split(a, tiles.tokens) for a in (hidden, targets, temperature))
    return tuple(values.reshape(-1) for values in _map(column, tuple(pieces)))


def _moved(largest: Array, new: Array) -> tuple[Array, Array]:
    """exp(d) and d = largest - new, by which sums relative to `largest` become relative to `new`; d is 0 at first."""
    down = jnp.where(largest == -jnp.inf, 0.0, largest - new)
    return jnp.exp(down), down


def _joined(largest: Array, total: Array, weighted: Array, picked: Array) -> tuple[Array, Array, Array]:
    """[C] log-prob, entropy and normaliser from the running sums [K, C] of the parts of the vocabulary."""
    top = largest.max(axis=0)
    down = largest - top
    weighted = (jnp.exp(down) * (weighted + down * total)).sum(axis=0)
    total = (jnp.exp(down) * total).sum(axis=0)
    normaliser = top + jnp.log(total)
    return picked.sum(axis=0) - normaliser, jnp.log(total) - weighted / total, normaliser


def _forward(tiles, hidden, weights, targets, temperature):
    logprobs, entropies, normalisers = _forward_tiles(tiles, hidden, weights, targets, temperature)
    return (logprobs, entropies), (hidden, weights, targets, temperature, normalisers, entropies)


def _backward(tiles, residuals, cotangents):
    hidden, weights, targets, temperature, normalisers, entropies = residuals
    parted = _by_shard(weights, tiles)

    def column(gradient, piece):
        states, chosen, divisors, normaliser, entropy, g, e = piece

        def tile(carry, starts):
            gradient, states_gradient = carry  # [K, V / K, D], [K, C, D]
            capped, is_target, counts = _logits(tiles, states, parted, chosen, starts)
            logprobs = capped / divisors - normaliser
            slope = -jnp.exp(logprobs) * (g + e * (logprobs + entropy)) + jnp.where(is_target, g, 0.0)
            slope = slope / divisors
            if tiles.softcap is not None:
                slope = slope * (1.0 - (capped / tiles.softcap) ** 2)
            slope = (slope if counts is None else jnp.where(counts, slope, 0.0)).astype(hidden.dtype)
            words = _words(parted, tiles, starts[0])
            states_gradient += jnp.einsum("KvC,KvD->KCD", slope, words, preferred_element_type=jnp.float32)
            addition = jnp.einsum("KvC,CD->KvD", slope, states, preferred_element_type=jnp.float32)
            there = _words(gradient, tiles, starts[0])
            return (
                jax.lax.dynamic_update_slice_in_dim(gradient, there + addition, starts[0], 1),
                states_gradient,
            ), None

        start = jnp.zeros((tiles.shards, *states.shape), jnp.float32)
        (gradient, states_gradient), _ = _scan(tile, (gradient, start), tiles.starts(weights.shape[0]))
        return gradient, states_gradient.sum(axis=0).astype(hidden.dtype)

    pieces = tuple(_split(a, tiles.tokens) for a in (hidden, targets, temperature, normalisers, entropies, *cotangents))
    gradient, hidden_gradient = _scan(column, jnp.zeros(parted.shape, jnp.float32), pieces)
    return (
        hidden_gradient.reshape(hidden.shape),
        gradient.reshape(weights.shape).astype(weights.dtype),
        None,
        jnp.zeros_like(temperature),
    )


_tiled.defvjp(_forward, _backward)


def _logits(
    tiles: _Tiles, states: Array, parted: Array, targets: Array, starts: tuple[Array, Array]
) -> tuple[Array, Array, Array | None]:
    """[K, v, C] capped logits of a tile, where its targets are, and which words no tile before had (None: all)."""
    start, fresh = starts
    own = parted.shape[1]
    words = _words(parted, tiles, start)
    logits: Any = jnp.einsum("KvD,CD->KvC", words, states, preferred_element_type=jnp.float32)
    capped = logits if tiles.softcap is None else tiles.softcap * jnp.tanh(logits / tiles.softcap)
    shard, within = (jax.lax.broadcasted_iota(jnp.int32, capped.shape, axis) for axis in (0, 1))
    within = within + start
    counts = None if own % tiles.words == 0 else within >= fresh
    is_target = shard * own + within == targets
    return capped, is_target if counts is None else is_target & counts, counts


def _by_shard(weights: Array, tiles: _Tiles) -> Array:
    """[V, D] -> [K, V / K, D], K the devices that the vocabulary lies on."""
    parted = weights.reshape(tiles.shards, -1, weights.shape[1])
    if tiles.shards == 1:
        return parted
    return jax.lax.with_sharding_constraint(parted, PartitionSpec(partition.TENSOR))


def _words(parted: Array, tiles: _Tiles, start: Array) -> Array:
    """[K, v, D], the rows of a tile."""
    if tiles.words == parted.shape[1]:
        return parted
    return jax.lax.dynamic_slice_in_dim(parted, start, tiles.words, axis=1)


def _split(array: Array, tokens: int) -> Array:
    """[N, ...] -> [N / C, C, ...]."""
    return array.reshape(-1, tokens, *array.shape[1:])


def _scan(body: Any, carry: Any, pieces: Any) -> tuple[Any, Any]:
    """`lax.scan`, with no loop around a single piece."""
    if jax.tree.leaves(pieces)[0].shape[0] > 1:
        return jax.lax.scan(body, carry, pieces)
    carry, result = body(carry, jax.tree.map(lambda piece: piece[0], pieces))
    return carry, jax.tree.map(lambda leaf: leaf[None], result)


def _map(function: Any, pieces: Any) -> Any:
    return _scan(lambda _, piece: (None, function(piece)), None, pieces)[1]
