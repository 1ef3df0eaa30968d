"""How the entropy at each visited state moves between two policies, and what the first order of it says.

With p the older policy, z and z' the logits of both and d = z' - z,

    first order = -Cov_{v~p}(log p(v), d(v)) = -sum_v p_v (log p_v + H) d_v,     change = H(z') - H(z)

Source: Cui et al. 2025, The Entropy Mechanism, lemma 1, https://arxiv.org/abs/2505.22617

The change is not a difference of two entropies, which would lose small steps to rounding. With the change of each
log-probability, e_v = d_v - log sum_u p_u exp(d_u), it is

    change = -sum_v p_v (expm1(e_v) log p_v + exp(e_v) e_v)
"""

from __future__ import annotations

from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec

from entropy_rl.ops import logprobs, partition
from entropy_rl.types import Array

ARRAYS = 6  # of a tile's size that exist at a time


@flax.struct.dataclass
class EntropyChange:
    """Of each visited state; [B, T] float32, nats."""

    logprobs: Array  # of the token that was taken, under the older policy
    entropies: Array  # of the older policy
    change: Array
    first_order: Array


def entropy_change(
    old_hidden: Array, old_head: Any, new_hidden: Array, new_head: Any, targets: Array, temperature: Array
) -> EntropyChange:
    """Compares two policies at the same states; [B, T, V] never exists.

    Args:
      old_hidden, new_hidden: [B, T, D], any float type.
      old_head, new_head: [V, D], or a `logprobs.Head` around it.
      targets: [B, T] int32 in [0, V), the tokens that were taken.
      temperature: [B] float32, > 0.
    """
    arguments = old_head, new_head, old_hidden, new_hidden, targets, temperature
    if partition.batch_shards() == 1 or old_hidden.shape[0] % partition.batch_shards():
        return _local(*arguments)
    # By hand, so that each device tiles its own rows.
    rows, everywhere = PartitionSpec(partition.batch_axes()), PartitionSpec()
    by_device = jax.shard_map(
        _local, in_specs=(everywhere, everywhere, rows, rows, rows, rows), out_specs=rows,
        axis_names=set(partition.batch_axes()), check_vma=False,
    )  # fmt: skip
    return by_device(*arguments)


def _local(
    old_head: Any, new_head: Any, old_hidden: Array, new_hidden: Array, targets: Array, temperature: Array
) -> EntropyChange:
    """Tile by tile: some tokens, all words."""
    batch, length, width = old_hidden.shape
    words = logprobs.parts(old_head)[0].shape[0]
    tokens = min(max(logprobs.tile_elements() // (ARRAYS * words), 1), batch * length)
    flat = old_hidden.reshape(-1, width), new_hidden.reshape(-1, width), targets.reshape(-1)
    flat = *flat, jnp.repeat(temperature, length)
    if padding := -(batch * length) % tokens:
        flat = tuple(jnp.concatenate([a, jnp.repeat(a[-1:], padding, axis=0)]) for a in flat)
    pieces = tuple(a.reshape(-1, tokens, *a.shape[1:]) for a in flat)

    def tile(piece: tuple[Array, Array, Array, Array]) -> EntropyChange:
        old, new, chosen, divisors = piece
        return of_logits(
            logprobs.token_logits(old, old_head, divisors), logprobs.token_logits(new, new_head, divisors), chosen
        )

    found = jax.lax.map(tile, pieces)
    return jax.tree.map(lambda a: a.reshape(-1)[: batch * length].reshape(batch, length), found)


def of_logits(old: Array, new: Array, targets: Array) -> EntropyChange:
    """[...] of logits [..., V] over temperature and of the tokens [...] that were taken."""
    logged = jax.nn.log_softmax(old)
    p = jnp.exp(logged)
    mean = lambda values: jnp.sum(p * values, axis=-1, keepdims=True)  # noqa: E731
    entropy = -mean(logged)
    moved = new - old
    moved = moved - mean(moved)  # a shift of all logits changes nothing
    first_order = -mean((logged + entropy) * moved)
    # Far apart, exp(moved) may overflow where p is nothing: there the difference of log-softmaxes is exact enough.
    near = moved - jnp.log1p(mean(jnp.expm1(jnp.minimum(moved, 1.0))))
    is_near = jnp.max(jnp.abs(moved), axis=-1, keepdims=True) < 1.0
    slid = jnp.where(is_near, near, jax.nn.log_softmax(new) - logged)
    change = -jnp.sum(p * jnp.expm1(slid) * logged + jnp.exp(logged + slid) * slid, axis=-1)
    is_taken = jax.lax.broadcasted_iota(jnp.int32, logged.shape, logged.ndim - 1) == targets[..., None]
    taken = jnp.sum(jnp.where(is_taken, logged, 0.0), axis=-1)  # no gather, where the vocabulary lies split
    return EntropyChange(taken, entropy[..., 0], change, first_order[..., 0])
