"""Exact choice of tokens out of a whole mini-batch, the same for every mesh.

Scores are ranked by value, ties by flat token index (row by row). Two algorithms with one result:

* ranked: `lax.top_k` with a static capacity. Over a sharded batch it works in two stages (each shard's own top k, then
  the top k of those), because top_k of a sharded axis would gather every score.
* bisected: the threshold is built bit by bit on an order-preserving integer image of the scores; 32 counting passes and
  no gather, which wins when many tokens are chosen.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec

from entropy_rl.ops import masked, partition
from entropy_rl.types import Array

BISECT_ABOVE = 0.05  # fraction of all tokens beyond which counting beats sorting
_ROUNDING = 1.0 + 2.0**-22  # four float32 roundings: .29 of 100 tokens is 29, though float32(.29) lies below .29


def top_fraction(
    scores: Array,
    mask: Array,
    fraction: float | Array,
    max_fraction: float,
    minimum: int = 0,
    eligible: Array | None = None,
) -> Array:
    """Marks the highest scores: floor(fraction * n_valid) of them.

    Args:
      scores: [B, T]; NaN and -inf are never chosen.
      mask: [B, T] bool, the tokens that count.
      fraction: of the valid tokens; may be traced. A product within 3e-7 (relative) below an integer counts as it.
      max_fraction: static bound of `fraction`; the capacity is ceil(max_fraction * B * T).
      minimum: static; at least so many are chosen, as far as there are.
      eligible: [B, T] bool, the valid tokens that may be chosen; all if None.

    Returns:
      [B, T] bool.
    """
    count = fraction_count(fraction, mask, minimum)
    return largest(scores, mask if eligible is None else mask & eligible, count, max_fraction, minimum)


def fraction_count(fraction: float | Array, mask: Array, minimum: int = 0) -> Array:
    """floor(fraction * n_valid), at least `minimum`, at most n_valid; int32 []."""
    n_valid = masked.count(mask)
    count = jnp.floor(jnp.asarray(fraction, jnp.float32) * n_valid.astype(jnp.float32) * _ROUNDING).astype(jnp.int32)
    return jnp.minimum(jnp.maximum(count, minimum), n_valid)


def random_subset(
    key: Array, eligible: Array, sample_ids: Array, count: Array, max_fraction: float, minimum: int = 0
) -> Array:
    """Marks `count` of the eligible tokens, uniformly and without replacement; all of them if there are fewer.

    The lot of a token is a function of (key, sample id, position), so that the order of rows, their sharding and the
    padded length T do not matter.

    Args:
      eligible: [B, T] bool.
      sample_ids: [B] uint32.
      count: [] int32, may be traced.
      max_fraction, minimum: static; `count` is cut at the capacity max(ceil(max_fraction * B * T), minimum).

    Returns:
      [B, T] bool.
    """
    return largest(random_scores(key, sample_ids, eligible.shape[1]), eligible, count, max_fraction, minimum)


def random_until(key: Array, eligible: Array, sample_ids: Array, amounts: Array, target: Array) -> Array:
    """Marks eligible tokens, drawn uniformly without replacement, until their amounts add up to the target.

    The token that crosses the target is taken if that comes nearer to it.

    Args:
      eligible: [B, T] bool.
      sample_ids: [B] uint32.
      amounts: [B, T] float32 >= 0.
      target: [] float32; all eligible tokens are taken if they do not reach it.

    Returns:
      [B, T] bool.
    """
    image = jax.lax.bitcast_convert_type(random_scores(key, sample_ids, eligible.shape[1]), jnp.uint32)
    amounts, top = masked.zeroed(amounts, eligible), jnp.uint32(0x80000000)

    def refine(index: Array, threshold: Array) -> Array:
        candidate = threshold | (top >> index.astype(jnp.uint32))
        return jnp.where(masked.sum(amounts, image >= candidate) >= target, candidate, threshold)

    threshold = jax.lax.fori_loop(0, 32, refine, jnp.uint32(0))  # of the draw that reaches the target
    within, beyond = (masked.sum(amounts, chosen) for chosen in (image > threshold, image >= threshold))
    reached = jnp.where(beyond - target <= target - within, image >= threshold, image > threshold)
    return reached & eligible


def random_scores(key: Array, sample_ids: Array, length: int) -> Array:
    """[B, length] float32 > 0 in uniformly random order; 2^30 values, so that ties are rare."""
    bits = jax.vmap(lambda sample: jax.random.bits(jax.random.fold_in(key, sample), (length,)))(sample_ids)
    # Positive floats are ordered like their bits. Starting at the smallest normal number keeps clear of denormals,
    # which some devices flush to zero, and 2^30 steps later the end (4.0) is far from infinity.
    return jax.lax.bitcast_convert_type((bits >> 2) + jnp.uint32(0x00800000), jnp.float32)


def random_shares(key: Array, sample_ids: Array) -> Array:
    """[B, 1] float32, uniform in [0, 1): one lot for each row, of the same bits as the score of its first token."""
    bits = jax.lax.bitcast_convert_type(random_scores(key, sample_ids, 1), jnp.uint32)
    return (bits - jnp.uint32(0x00800000)).astype(jnp.float32) / 2.0**30


def largest(scores: Array, eligible: Array, count: Array, max_fraction: float, minimum: int = 0) -> Array:
    """Marks the `count` highest scores among the eligible tokens; see `top_fraction`."""
    capacity = min(max(math.ceil(max_fraction * scores.size), minimum, 1), scores.size)
    eligible = eligible & (scores > -jnp.inf)  # false for NaN too
    # top_k ranks +0.0 above -0.0, which are equal; `scores + 0.0` would do, but a compiler may fold it away.
    scores = jnp.where(eligible, jnp.where(scores == 0.0, 0.0, scores), -jnp.inf).astype(jnp.float32)
    count = jnp.minimum(count, capacity)
    chosen = bisected(scores, count) if max_fraction > BISECT_ABOVE else ranked(scores, count, capacity)
    return chosen & eligible


@jax.jit  # outside a compiled function too, or the loop would be compiled anew at every call
def bisected(scores: Array, count: Array) -> Array:
    """The `count` highest of [B, T] float32 without NaN, by bisection of the threshold."""
    bits = jax.lax.bitcast_convert_type(scores, jnp.uint32)
    sign = jnp.uint32(0x80000000)
    image = jnp.where(bits >= sign, ~bits, bits | sign)  # unsigned order = order of the scores

    def refine(index: Array, threshold: Array) -> Array:
        candidate = threshold | (sign >> index.astype(jnp.uint32))
        return jnp.where(masked.count(image >= candidate) >= count, candidate, threshold)

    threshold = jax.lax.fori_loop(0, 32, refine, jnp.uint32(0))  # the count-th largest image
    above, tied = image > threshold, image == threshold
    within_row = jnp.cumsum(tied, axis=1, dtype=jnp.int32)  # [B, T] 1 for the first of a row
    row_totals = within_row[:, -1]  # [B]
    rank = within_row + (jnp.cumsum(row_totals) - row_totals)[:, None]
    return above | (tied & (rank <= count - masked.count(above)))


def ranked(scores: Array, count: Array, capacity: int) -> Array:
    """The `count` <= `capacity` highest of [B, T] float32 without NaN, by top_k; in two stages on a sharded batch."""
    axes, shards = partition.batch_axes(), _row_shards(scores.shape[0])
    local_size = scores.size // shards
    local_capacity = min(capacity, local_size)

    def select(local: Array, count: Array) -> Array:
        values, positions = jax.lax.top_k(local.reshape(-1), local_capacity)
        candidates = jax.lax.all_gather(values, axes, tiled=True) if shards > 1 else values
        # Shards come in order and equal values in order of position, so ties still break by flat token index.
        _, order = jax.lax.top_k(candidates, capacity)
        kept = jnp.zeros(candidates.shape, bool).at[order].set(jnp.arange(capacity) < count)
        if shards > 1:
            kept = jax.lax.dynamic_slice(kept, (jax.lax.axis_index(axes) * local_capacity,), (local_capacity,))
        return jnp.zeros(local.size, bool).at[positions].set(kept).reshape(local.shape)

    if shards == 1:
        return select(scores, count)
    rows = PartitionSpec(axes, None)
    return jax.shard_map(select, in_specs=(rows, PartitionSpec()), out_specs=rows)(scores, count)


def _row_shards(batch: int) -> int:
    """Pieces that the rows are cut into; 1 where they do not divide, and inside shard_map."""
    shards = partition.batch_shards()
    inside = set(partition.BATCH_AXES) & set(jax.sharding.get_abstract_mesh().manual_axes)
    return 1 if inside or batch % shards else shards
