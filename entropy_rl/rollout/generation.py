"""Samples responses: prefill once per prompt, then a chain of loops that ends when every row has. One program.

A row's tokens depend on nothing but its prompt, its parameters and its identity (seed, purpose, draw, sample): not on
the slot that it is decoded in, nor on who shares the batch. Slots are the first rows of the cache. When enough of them
have ended, responses that wait take their places; when none waits, the live rows move together and a loop over fewer
rows goes on (buckets.py). On a mesh every batch shard does so by itself, with its own prompts.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import flax.struct
import jax
import jax.numpy as jnp
from jax.sharding import PartitionSpec

from entropy_rl.models import kv_cache
from entropy_rl.ops import logprobs as scoring
from entropy_rl.ops import partition
from entropy_rl.rollout import sampling, slots
from entropy_rl.rollout.buckets import plan, refill_threshold, shards_of
from entropy_rl.rollout.slots import Columns, Outputs, Slots
from entropy_rl.types import Array, Cache, Params, Policy, Rollout

# How finely the read part of the cache grows in the first loop and in later ones. Four widths read 1.25 of the live
# tokens on average if none end. Each costs the TPU's compiler some ten seconds.
FIRST_WIDTHS, LATER_WIDTHS = 4, 2


@functools.partial(
    jax.jit,
    static_argnames=(
        "policy", "group_size", "length", "end_ids", "pad_id", "greedy", "slots", "buckets", "storage"
    ),
)  # fmt: skip
def generate(
    params: Params,
    request: tuple[Array, Array, Array],
    seed: Array,
    purpose: Array,
    first_sample: Array,
    temperature: Array,
    policy_version: Array,
    *,
    policy: Policy,
    group_size: int,
    length: int,
    end_ids: tuple[int, ...],
    pad_id: int,
    greedy: bool = False,
    slots: int = 0,
    buckets: int = 0,
    storage: kv_cache.Storage = "auto",
) -> Rollout:
    """Samples `group_size` responses to each prompt.

    Args:
      params: of the policy.
      request: tokens [P, Q], mask [P, Q], draws [P], as `Request` holds them.
      seed, purpose: which stream of random numbers.
      first_sample: number of the first response of each prompt, so that later calls can draw more of them.
      temperature: [] float32 > 0, or anything where `greedy`.
      policy_version: [] int32, optimiser steps taken by `params`.
      length: T, the most tokens of a response.
      end_ids: tokens that end a response; of negative ones, none does.
      pad_id: fills what follows; it may be one of `end_ids`, because only the first of them counts.
      greedy: take the likeliest token; a program of its own, so that sampling does not pay for it.
      slots: responses decoded at a time, on all devices together; 0 for all.
      buckets: loops over fewer and fewer rows, at most; 0 for as many as the length is worth.
      storage: of keys and values.

    Returns:
      A Rollout of B = P * group_size rows.
    """
    (prompts, width), shards, axes = request[0].shape, partition.batch_shards(), partition.batch_axes()
    chain = plan(prompts, group_size, width, length, slots, buckets, shards)
    sampler = _Sampler(policy, group_size, length, end_ids, pad_id, greedy, chain, storage)
    scalars = (seed, purpose, first_sample, temperature, policy_version)
    if shards_of(prompts, shards) == 1:
        return sampler(params, request, scalars)
    # Programs that talk along other axes must take the same turns everywhere; without such axes nobody waits.
    if any(size > 1 for axis, size in partition.axis_sizes().items() if axis not in axes):
        sampler = dataclasses.replace(sampler, together=axes)
    # By hand, so that no device waits for the rows of another. Parameters keep their split along the other axes.
    rows, whole = PartitionSpec(axes), PartitionSpec()
    by_shard = jax.shard_map(
        sampler, in_specs=(whole, rows, whole), out_specs=rows, axis_names=set(axes), check_vma=False
    )
    return by_shard(params, request, scalars)


@flax.struct.dataclass
class _Prompts:
    """What rows attend to: P prompts that G rows each share, or one for each row."""

    cache: Cache  # [L, P, K, Q, H]
    mask: Array  # [P, Q]

    def of(self, prompts: Array) -> _Prompts:
        return _Prompts(kv_cache.gathered(self.cache, prompts), self.mask[prompts])


@flax.struct.dataclass
class _Loop:
    column: Array  # [] int32: steps so far
    computed: Array  # [] int32: rows computed in them, live or not
    slots: Slots
    cache: Cache  # of as many rows as the first loop has


Draw = Callable[[_Loop, _Prompts], _Loop]
Condition = Callable[[_Loop], Array]


@dataclasses.dataclass(frozen=True)
class _Sampler:
    """The program of one batch shard."""

    policy: Policy
    group_size: int
    length: int
    end_ids: tuple[int, ...]
    pad_id: int
    greedy: bool
    chain: tuple[int, ...]  # rows of each loop
    storage: kv_cache.Storage
    together: tuple[str, ...] = ()  # mesh axes along which all take the same turns

    def __call__(self, params: Params, request: tuple[Array, Array, Array], scalars: tuple[Array, ...]) -> Rollout:
        return self.counted(params, request, scalars)[0]

    def counted(
        self, params: Params, request: tuple[Array, Array, Array], scalars: tuple[Array, ...]
    ) -> tuple[Rollout, Array]:
        """The rollout of this shard, and how many rows it computed for it, over all steps."""
        prompts, prompt_mask, draws = request
        seed, purpose, first_sample, temperature, policy_version = scalars
        total = prompts.shape[0] * self.group_size
        numbers = jnp.tile(jnp.arange(self.group_size, dtype=jnp.uint32), prompts.shape[0])
        numbers = numbers + first_sample.astype(jnp.uint32)
        keys = sampling.row_keys(seed, purpose, jnp.repeat(draws, self.group_size), numbers)
        cache, first_hidden = self.policy.prefill(params, prompts, prompt_mask, self.storage)
        chain, ring = self.chain, self.chain[0] < total
        shared, draw = _Prompts(cache, prompt_mask), functools.partial(self._draw, params, keys, temperature, ring)
        outputs = Outputs(
            slots.blank(total, self.length, self.pad_id), jnp.zeros((total,), jnp.int32), jnp.zeros((total,), bool)
        )
        samples = jnp.arange(chain[0], dtype=jnp.int32)
        loop = _Loop(
            jnp.int32(0),
            jnp.int32(0),
            slots.opened(samples, first_hidden[samples // self.group_size], self.length, self.pad_id),
            self.policy.response_cache(chain[0], self.length, self.storage),
        )
        leave, first = (*chain[1:], 0), functools.partial(draw, FIRST_WIDTHS)
        if ring:
            loop, outputs, seen = self._with_refills(first, loop, outputs, shared, first_hidden, leave[0])
        else:
            loop, seen = self._while(first, loop, shared, self._more_than(leave[0])), shared
        for rows, below in zip(leave[:-1], leave[1:], strict=True):
            outputs = slots.flushed(outputs, loop.slots, self.pad_id, ring)
            loop, seen = self._shrunk(loop, seen, rows, by_row=ring or rows != leave[0])
            loop = self._while(functools.partial(draw, LATER_WIDTHS), loop, seen, self._more_than(below))
        outputs = slots.flushed(outputs, loop.slots, self.pad_id, ring)
        columns = outputs.columns
        rollout = Rollout(
            prompts=prompts, prompt_mask=prompt_mask, responses=columns.responses,
            response_mask=jnp.arange(self.length) < outputs.lengths[:, None],
            logprobs=columns.logprobs, entropies=columns.entropies, unit_entropies=columns.unit_entropies,
            temperature=jnp.full((total,), temperature, jnp.float32), sample_ids=jax.vmap(jax.random.bits)(keys),
            policy_version=jnp.full((total,), policy_version, jnp.int32), finished=outputs.finished,
        )  # fmt: skip
        return rollout, loop.computed

    def _draw(
        self, params: Params, keys: Array, temperature: Array, ring: bool, widths: int, loop: _Loop, seen: _Prompts
    ) -> _Loop:
        """One token for every slot.

        Args:
          ring: rows may have begun at other columns than 0.
          widths: of the cache that are read, see `Policy.decode`.
        """
        rows, column = loop.slots, loop.column
        numbers = column - rows.starts if ring else column
        unit_logits = scoring.token_logits(rows.hidden, self.policy.head(params), jnp.float32(1.0)[None])
        if self.greedy:
            tokens, logprobs, entropies = sampling.likeliest_token(unit_logits)
        else:
            own = keys[jnp.minimum(rows.samples, keys.shape[0] - 1)]
            uniforms = sampling.uniforms(own, numbers)
            tokens, logprobs, entropies = sampling.sample_token(unit_logits / temperature, uniforms)
        unit = jax.lax.cond(temperature == 1.0, lambda: entropies, lambda: sampling.entropy(unit_logits))
        tokens = jnp.where(rows.live, tokens, self.pad_id)
        ended = rows.live & _is_end(tokens, self.end_ids)
        columns = slots.put(rows, column, Columns(tokens, logprobs, entropies, unit))
        hidden, cache = self.policy.decode(
            params, tokens, column, seen.mask, seen.cache, loop.cache, rows.starts if ring else None, widths
        )
        moved = dataclasses.replace(
            rows, live=rows.live & ~ended & (numbers + 1 < self.length), finished=rows.finished | ended,
            lengths=jnp.where(rows.live, numbers + 1, rows.lengths), hidden=hidden, columns=columns,
        )  # fmt: skip
        return _Loop(column + 1, loop.computed + rows.live.shape[0], moved, cache)

    def _while(self, draw: Draw, loop: _Loop, seen: _Prompts, goes_on: Condition) -> _Loop:
        """Draws tokens while the number of live rows of any shard that takes the same turns says so."""

        def step(carry: tuple[_Loop, Array]) -> tuple[_Loop, Array]:
            loop = draw(carry[0], seen)
            return loop, goes_on(loop)

        return jax.lax.while_loop(lambda carry: carry[1], step, (loop, goes_on(loop)))[0]

    def _any(self, flag: Array) -> Array:
        return jax.lax.pmax(flag.astype(jnp.int32), self.together) > 0 if self.together else flag

    def _more_than(self, rows: int) -> Condition:
        return lambda loop: self._any(loop.slots.live.sum() > rows)

    def _with_refills(
        self, draw: Draw, loop: _Loop, outputs: Outputs, shared: _Prompts, first_hidden: Array, leave: int
    ) -> tuple[_Loop, Outputs, _Prompts]:
        """The first loop where responses wait: until all have begun and few enough are left."""
        rows, total = loop.slots.samples.shape[0], outputs.lengths.shape[0]
        threshold = refill_threshold(rows)
        prompt_of = lambda samples: jnp.minimum(samples, total - 1) // self.group_size  # noqa: E731

        def body(carry):
            loop, outputs, seen, begun, _ = carry
            waiting = total - begun

            def goes_on(loop: _Loop) -> Array:
                live = loop.slots.live.sum()
                to_fill = (waiting > 0) & (rows - live >= jnp.minimum(threshold, waiting))
                return self._any((waiting > 0) | (live > leave)) & ~self._any(to_fill)

            loop = self._while(draw, loop, seen, goes_on)
            outputs = slots.flushed(outputs, loop.slots, self.pad_id, ring=True)
            hidden_of = lambda samples: first_hidden[prompt_of(samples)]  # noqa: E731
            filled, new = slots.refilled(loop.slots, begun, total, hidden_of, loop.column)
            count, places = slots.chosen(new)
            cache = kv_cache.move_rows(seen.cache, shared.cache, count, prompt_of(filled.samples[places]), places)
            mask = jnp.where(new[:, None], shared.mask[prompt_of(filled.samples)], seen.mask)
            begun = begun + count
            unfinished = self._any((begun < total) | (filled.live.sum() > leave))
            return dataclasses.replace(loop, slots=filled), outputs, _Prompts(cache, mask), begun, unfinished

        start = loop, outputs, shared.of(prompt_of(loop.slots.samples)), jnp.int32(rows), jnp.bool_(True)
        return jax.lax.while_loop(lambda carry: carry[4], body, start)[:3]

    def _shrunk(self, loop: _Loop, seen: _Prompts, rows: int, by_row: bool) -> tuple[_Loop, _Prompts]:
        """The live slots in the first `rows` rows, each with a prompt of its own."""
        count, origins, places, afterwards = slots.packing(loop.slots.live, rows)
        cache = kv_cache.move_rows(loop.cache, None, count, origins, places)
        moved = jax.tree.map(lambda leaf: leaf[afterwards], loop.slots)
        if by_row:
            seen = seen.of(afterwards)
        else:
            last = seen.mask.shape[0] - 1
            seen = seen.of(jnp.minimum(moved.samples // self.group_size, last))
        return dataclasses.replace(loop, slots=moved, cache=cache), seen


def _is_end(tokens: Array, end_ids: tuple[int, ...]) -> Array:
    return functools.reduce(jnp.logical_or, [tokens == token for token in end_ids], jnp.zeros(tokens.shape, bool))
