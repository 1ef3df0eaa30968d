"""Ragged responses are computed at about their own length: the cut of a mini-batch into micro-batches of few widths.

A bundle is a prompt with some of its responses, those of like length, so that a prompt is computed once for several of
them. Bundles are sorted, the longest first. A micro-batch takes the next bundles at the smallest width that holds them
all, as many as a fixed budget of tokens allows: shorter ones fill the last micro-batch of a width. Each width is one
loop of the compiled program, whose number of turns is data. All of it happens within the rows that a device holds;
devices go on together, as far as the longest of them must.

    width 8   aaaaaaaa bbbbbb        two bundles at a time
    width 4   cccc ddd ee f          four

What is computed for a token does not depend on the cut but for rounding.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import flax.struct
import jax
import jax.numpy as jnp

from entropy_rl.ops import partition
from entropy_rl.types import Array, Experience, Rollout

SHORT = 128  # tokens: responses of at most so many less one are computed at one width
NARROWEST = 32  # tokens of the last width that is chosen
MOST_BUCKETS = 4  # each compiles the model once more
PIECES_PER_BUCKET = 8  # that a mini-batch is cut into at least: fewer would be filled with other buckets' bundles
SMALLEST_PIECE = 1024  # tokens: a smaller micro-batch leaves matrix units idle


@dataclasses.dataclass(frozen=True)
class Cut:
    """The static side of a cut.

    Attributes:
      prompts, group, prompt_tokens, length: P, G, Q, T of the mini-batch.
      rows: responses in a bundle, a divisor of G.
      widths: that bundles are computed at, descending from T.
      tokens: of a micro-batch on a device, at most, if one bundle does not have more.
      shards: devices that rows are split over.
    """

    prompts: int
    group: int
    prompt_tokens: int
    length: int
    rows: int
    widths: tuple[int, ...]
    tokens: int
    shards: int = 1

    @property
    def bundles(self) -> int:
        """On each device."""
        return self.prompts // self.shards * (self.group // self.rows)

    def at_once(self, width: int) -> int:
        """Bundles of a micro-batch on each device."""
        return max(1, min(self.bundles, self.tokens // (self.prompt_tokens + self.rows * width)))

    @property
    def places(self) -> int:
        """Bundles, and empty ones after the last that its micro-batch may reach."""
        return self.bundles + max(map(self.at_once, self.widths)) - 1

    @property
    def is_whole(self) -> bool:
        """Nothing is cut."""
        return len(self.widths) == 1 and self.at_once(self.length) == self.bundles


def cut(part: Experience | Rollout, micro_batches: int = 1, buckets: int = 1) -> Cut:
    """How a mini-batch is cut on the mesh in context; its shapes count, the rest is as `cut_of` takes it."""
    (prompts, prompt_tokens), (batch, length) = part.prompts.shape, part.responses.shape
    return cut_of(prompts, batch // prompts, prompt_tokens, length, partition.batch_shards(), micro_batches, buckets)


def cut_of(
    prompts: int, group: int, prompt_tokens: int, length: int, shards: int, micro_batches: int = 1, buckets: int = 1
) -> Cut:
    """How a mini-batch is cut.

    Args:
      prompts, group, prompt_tokens, length: P, G, Q, T.
      shards: devices that rows are split over; 1 is taken where P does not divide.
      micro_batches: one of so many pieces of the mini-batch bounds the tokens of a micro-batch.
      buckets: widths, each half of the one before; 0 is chosen: 1 for short responses. 1 keeps groups whole, and the
        result has exactly `micro_batches` pieces.
    """
    shards = 1 if prompts % shards else shards
    whole = prompts // shards * (prompt_tokens + group * length)
    count = buckets or _buckets(length)
    if count == 1:
        return Cut(prompts, group, prompt_tokens, length, group, (length,), whole // micro_batches, shards)
    widths = tuple(dict.fromkeys(max(2, -(-length // 2**number)) for number in range(count)))
    fine = max(whole // (PIECES_PER_BUCKET * count), SMALLEST_PIECE)
    rows = _rows(prompt_tokens, group, length)
    return Cut(prompts, group, prompt_tokens, length, rows, widths, min(whole // micro_batches, fine), shards)


def _buckets(length: int) -> int:
    """1 for short responses, else as many halvings as leave `NARROWEST` tokens."""
    return 1 if length < SHORT else min(MOST_BUCKETS, (length // NARROWEST).bit_length())


def _rows(prompt_tokens: int, group: int, length: int) -> int:
    """The divisor of G that costs fewest tokens if lengths are exponential with mean T / 4.

    The k-th longest of G then has (T / 4) (1/k + ... + 1/G) tokens on average, and a bundle as many as its longest; to
    that comes its share of a prompt.
    """
    expected = lambda rank: length / 4 * sum(1 / k for k in range(rank, group + 1))  # noqa: E731

    def cost(rows: int) -> float:
        return prompt_tokens / rows + sum(expected(rank) for rank in range(1, group + 1, rows)) * rows / group

    return min((rows for rows in range(1, group + 1) if group % rows == 0), key=cost)


@flax.struct.dataclass
class Order:
    """The moving side of a cut: which bundle comes at which place, on each of the R shards.

    A row's context ends with the last True of its mask: tokens in holes are computed, those behind the end are not.
    """

    prompts: Array  # [R, places] int32 prompt of the shard
    rows: Array  # [R, places * rows] int32 row of the shard
    filled: Array  # [R, places * rows] bool; False: behind the last bundle
    turns: tuple[Array | int, ...]  # of the loop of each width, the same on all shards


def order(cut: Cut, mask: Array) -> Order:
    """Sorts the bundles of [B, T] rows; those of a single width stay where they are.

    Args:
      mask: [B, T] bool of the responses.
    """
    shards, sets = cut.shards, cut.group // cut.rows
    places = jnp.minimum(jnp.arange(cut.places, dtype=jnp.int32), cut.bundles - 1)
    filled = jnp.broadcast_to(
        jnp.arange(cut.places * cut.rows) < cut.bundles * cut.rows, (shards, cut.places * cut.rows)
    )
    if len(cut.widths) == 1:
        rows = places[:, None] * cut.rows + jnp.arange(cut.rows, dtype=jnp.int32)
        chosen, rows = (jnp.broadcast_to(a.reshape(1, -1), (shards, a.size)) for a in (places, rows))
        return Order(chosen, rows, filled, (-(-cut.bundles // cut.at_once(cut.length)),))
    ends = jnp.max(jnp.where(mask, jnp.arange(1, cut.length + 1), 0), axis=1)  # [B]
    ends = ends.reshape(shards, -1, cut.group)  # [R, P / R, G]
    within = jnp.argsort(-ends, axis=2, stable=True)
    longest = jnp.take_along_axis(ends, within, axis=2)[:, :, :: cut.rows].reshape(shards, -1)  # [R, bundles]
    chosen = jnp.argsort(-longest, axis=1, stable=True).astype(jnp.int32)[:, places]
    first = jnp.arange(cut.prompts // shards, dtype=jnp.int32)[:, None] * cut.group
    bundled = (first + within).reshape(shards, -1, cut.rows).astype(jnp.int32)  # [R, bundles, rows]
    rows = jnp.take_along_axis(bundled, chosen[:, :, None], axis=1).reshape(shards, -1)
    return Order(chosen // sets, rows, filled, _turns(cut, longest))


def _turns(cut: Cut, longest: Array) -> tuple[Array, ...]:
    """A width's loop goes on while some shard's next bundle does not fit the width after it."""
    done, turns = jnp.int32(0), []
    for width, narrower in zip(cut.widths, (*cut.widths[1:], 0), strict=True):
        waiting = jnp.max(jnp.sum(longest > narrower, axis=1)) - done
        turns.append(jnp.maximum(0, -(-waiting // cut.at_once(width))))
        done = done + turns[-1] * cut.at_once(width)
    return tuple(turns)


def fold(
    cut: Cut, body: Callable[..., tuple[Any, Any]], carry: Any, part: Experience | Rollout, *aligned: Any
) -> tuple[Any, Any]:
    """Carries something through the micro-batches, and puts what they say of their tokens where the tokens were.

    Args:
      cut: of `part`.
      body: (carry, piece, *aligned pieces) -> (carry, tree of [rows, width] arrays); compiled once for each width.
      carry: goes in first.
      part: P prompts and B responses; a piece has some of its rows, cut to a width.
      aligned: trees of [B, ...] arrays that are cut likewise.

    Returns:
      The last carry, and the tree of [B, T] arrays, 0 behind the end of a row.
    """
    found = order(cut, part.response_mask)
    rest = dataclasses.replace(part, prompts=None, prompt_mask=None)  # pyright: ignore[reportArgumentType]
    rows = jax.tree.map(functools.partial(_taken, cut, found.rows), (rest, aligned))
    prompts = jax.tree.map(functools.partial(_taken, cut, found.prompts), (part.prompts, part.prompt_mask))

    def piece(place: Array | int, width: int) -> tuple[Any, ...]:
        count = cut.at_once(width)
        sliced = jax.tree.map(lambda a: _slice(a, place * cut.rows, count * cut.rows), (rows, found.filled))
        (own, beside), filled = jax.tree.map(lambda a: a[:, :width] if a.ndim > 1 else a, sliced)
        own_prompts, own_mask = jax.tree.map(lambda a: _slice(a, place, count), prompts)
        own = dataclasses.replace(
            own, prompts=own_prompts, prompt_mask=own_mask, response_mask=own.response_mask & filled[:, None]
        )
        return own, *beside

    shapes = jax.eval_shape(lambda: body(carry, *piece(0, cut.length))[1])
    blank = lambda leaf: jnp.zeros((cut.shards, cut.places * cut.rows, cut.length), leaf.dtype)  # noqa: E731
    state = carry, jax.tree.map(blank, shapes), jnp.int32(0)
    for width, turns in zip(cut.widths, found.turns, strict=True):

        def turn(_: Array, state: Any, width: int = width) -> Any:
            carry, values, place = state
            carry, said = body(carry, *piece(place, width))
            values = jax.tree.map(functools.partial(_put, cut, place * cut.rows), values, said)
            return carry, values, place + cut.at_once(width)

        state = jax.lax.fori_loop(0, turns, turn, state)
    carry, values, _ = state
    return carry, jax.tree.map(functools.partial(_returned, cut, found.rows), values)


def score(cut: Cut, function: Callable[[Any], Any], part: Experience | Rollout) -> Any:
    """The tree of [B, T] arrays that `function` makes of an experience or rollout, micro-batch by micro-batch."""
    if cut.is_whole:
        return function(part)
    return fold(cut, lambda _, piece: (None, function(piece)), None, part)[1]


def _taken(cut: Cut, index: Array, array: Array) -> Array:
    """[R * n, ...] -> [R, places, ...], each shard's own."""
    parts = array.reshape(cut.shards, -1, *array.shape[1:])
    in_place = len(cut.widths) == 1 and parts.shape[1] == index.shape[1]
    return partition.by_rows(parts if in_place else _gathered(parts, index))


def _returned(cut: Cut, rows: Array, values: Array) -> Array:
    """The inverse of `_taken`: [R, places * rows, T] -> [B, T]."""
    count = cut.bundles * cut.rows
    if len(cut.widths) > 1:
        values = _gathered(values, jnp.argsort(rows[:, :count], axis=1))
    return partition.by_rows(values[:, :count].reshape(-1, cut.length))


def _gathered(array: Array, index: Array) -> Array:
    return jax.vmap(lambda own, places: own.at[places].get(mode="promise_in_bounds"))(array, index)


def _slice(array: Array, start: Array | int, size: int) -> Array:
    """[R, places, ...] -> [R * size, ...]."""
    part = jax.lax.dynamic_slice_in_dim(array, start, size, axis=1)
    return partition.by_rows(part.reshape(-1, *array.shape[2:]))


def _put(cut: Cut, start: Array, values: Array, said: Array) -> Array:
    pieces = said.reshape(cut.shards, -1, said.shape[1])
    return jax.lax.dynamic_update_slice(values, pieces, (0, start, 0))
