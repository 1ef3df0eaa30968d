"""Training attention on TPUs: JAX's splash kernel over rows that hold a prompt and all of its responses.

A row is the prompt's Q positions, then the responses one after the other, T positions each, all at static offsets, so
that one static mask says everything but the padding of prompts: prompt tokens see those before them; a response sees
the prompt and itself. Blocks of the mask that hold nothing, which are those between two responses, are never computed.
Padding of prompts has a segment of its own. Scores exist only inside the kernel, forward and backward.

Compiled ahead of time for one v5e, not run: the gradient of one layer's attention with Qwen2.5-1.5B's heads (12 over
2, 128 wide, bfloat16) takes 55 MiB of temporaries for a prompt of 1024 and 8 responses of 1024 tokens, where the exact
form takes 1171; for two prompts of 512 with 8 responses of 2048 each, 628 MiB and 3596. With the kernels' operands
counted once it moves a tenth of the bytes.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental.pallas.ops.tpu.splash_attention import splash_attention_kernel as kernel
from jax.experimental.pallas.ops.tpu.splash_attention import splash_attention_mask as masks
from jax.sharding import PartitionSpec

from entropy_rl.ops import partition
from entropy_rl.types import Array

BLOCKS = (512, 256, 128)  # positions of a side of a block; the kernel counts in vectors of 128 lanes
MOST_PADDING = 1.125  # a row may grow by so much for the sake of bigger blocks


Projected = tuple[Array, Array, Array]  # queries [rows, length, K, R, H]; keys and values [rows, length, K, H]


@dataclasses.dataclass(frozen=True)
class RowMask(masks.Mask):
    """Who sees whom in a row, padding aside; a pure function of positions, evaluated block by block.

    Attributes:
      prompt: Q.
      response: T; what follows the last response is one of its own.
      window: a token sees so many positions, itself included, counted along its prompt and its response.
      total: length of the row.
    """

    prompt: int
    response: int
    window: int
    total: int

    @property
    def shape(self) -> tuple[int, int]:
        return self.total, self.total

    def __getitem__(self, where: tuple[slice, slice]) -> np.ndarray:
        queries, keys = (np.arange(self.total)[piece] for piece in where)
        if keys[0] > queries[-1]:  # half of all blocks: starting a run waits for this
            return np.zeros((queries.size, keys.size), np.bool_)
        begins = np.where(queries < self.prompt, 0, queries - (queries - self.prompt) % self.response)
        seen = (keys <= queries[:, None]) & ((keys < self.prompt) | (keys >= begins[:, None]))
        if self.window >= self.total:
            return seen
        return seen & (self._place(queries)[:, None] - self._place(keys) < self.window)

    def _place(self, positions: np.ndarray) -> np.ndarray:
        """Counted along one prompt and one response."""
        in_response = self.prompt + (positions - self.prompt) % self.response
        return np.where(positions < self.prompt, positions, in_response)


def attend(
    prompt: Projected,
    response: Projected | None,
    prompt_mask: Array,
    *,
    scale: float,
    softcap: float | None,
    windows: tuple[int, ...],
    window: Array | None,
) -> tuple[Array, Array | None]:
    """What `attention.causal` gives for prompts and `attention.shared_prompt` for their responses.

    Args:
      prompt: of P prompts of Q tokens.
      response: of B responses of T tokens, the B / P responses of a prompt adjacent; None for prompts alone.
      prompt_mask: [P, Q] bool, left-padded.
      scale: of the scores; the queries are multiplied by it, in their own type.
      softcap: of the scores, or None.
      windows: all that a layer may have; masks are static, so that there is one kernel for each.
      window: [] int32, which of them this layer has; None where there are none.

    Returns:
      [P, Q, K, R, H] and [B, T, K, R, H]; what padding of prompts gets means nothing.
    """
    local = functools.partial(_attend, scale=scale, softcap=softcap, windows=windows)
    axes = partition.axis_sizes()
    if not axes:
        return local(prompt, response, prompt_mask, window)
    kv_heads, queries_per_head = prompt[0].shape[2:4]
    copies = copies_of_heads(kv_heads, queries_per_head, axes.get(partition.TENSOR, 1))
    rows: Any = None if prompt_mask.shape[0] % partition.batch_shards() else partition.batch_axes()
    by_rows_and_heads = PartitionSpec(rows, None, partition.TENSOR if partition.TENSOR in axes else None)
    split: Any = jax.shard_map(
        local,
        in_specs=(by_rows_and_heads, by_rows_and_heads, PartitionSpec(rows), PartitionSpec()),
        out_specs=by_rows_and_heads,
        axis_names=set(axes),  # all of them: the compiler partitions no kernel
        check_vma=False,
    )
    pieces = [None if piece is None else _with_copies(piece, copies) for piece in (prompt, response)]
    attended, responses = split(*pieces, prompt_mask, window)
    attended = attended.reshape(prompt[0].shape)
    return attended, None if response is None else responses.reshape(response[0].shape)


def copies_of_heads(kv_heads: int, queries_per_head: int, devices: int) -> int:
    """How many copies of each key head let heads split over so many devices; 0 if none does."""
    if kv_heads % devices == 0:
        return 1
    copies = devices // kv_heads
    return copies if copies * kv_heads == devices and queries_per_head % copies == 0 else 0


def _with_copies(projected: Projected, copies: int) -> Projected:
    """The same attention with so many times the key heads, each for a share of the queries."""
    query, key, value = projected
    kv_heads, queries_per_head = query.shape[2:4]
    query = query.reshape(*query.shape[:2], kv_heads * copies, queries_per_head // copies, query.shape[-1])
    return query, jnp.repeat(key, copies, axis=2), jnp.repeat(value, copies, axis=2)


def _attend(
    prompt: Projected,
    response: Projected | None,
    prompt_mask: Array,
    window: Array | None,
    *,
    scale: float,
    softcap: float | None,
    windows: tuple[int, ...],
) -> tuple[Array, Array | None]:
    prompts = prompt_mask.shape[0]
    group, given = (0, 1) if response is None else (response[0].shape[0] // prompts, response[0].shape[1])
    width, length = aligned(prompt_mask.shape[1]), aligned(given)
    total, block = row_length(width + group * length)
    pieces = [_lengthened(prompt, width, left=True)]
    if response is not None:
        pieces.append(_lengthened(response, length, left=False))
    query, key, value = (_rows(parts, total) for parts in zip(*pieces, strict=True))  # [P, N or K, S, H]
    segments = _lengthened(prompt_mask.astype(jnp.int32), width, left=True)
    segments = jnp.pad(segments, ((0, 0), (0, total - width)), constant_values=1)

    def under(window: int) -> Array:
        attend = kernel.make_splash_mha(
            masks.MultiHeadMask([RowMask(width, length, window, total)] * query.shape[1]),
            block_sizes=_blocks(block),
            head_shards=1,
            q_seq_shards=1,
            attn_logits_soft_cap=softcap,
            interpret=partition.platform() == "cpu",
        )

        def one(query: Array, key: Array, value: Array, ids: Array) -> Any:
            return attend(query, key, value, kernel.SegmentIds(ids, ids))

        return jax.vmap(one)(query * scale, key, value, segments)

    kinds = sorted({min(each, total) for each in windows}) or [total]
    if len(kinds) == 1 or window is None:
        attended = under(kinds[-1])
    else:
        which = jnp.argmax(jnp.minimum(window, total) == jnp.asarray(kinds))
        attended = jax.lax.switch(which, [functools.partial(under, kind) for kind in kinds])
    attended = attended.swapaxes(1, 2).reshape(prompts, total, *prompt[0].shape[2:])  # [P, S, K, R, H]
    of_prompts = attended[:, width - prompt_mask.shape[1] : width]
    if response is None:
        return of_prompts, None
    of_responses = attended[:, width : width + group * length]
    return of_prompts, of_responses.reshape(prompts * group, length, *prompt[0].shape[2:])[:, :given]


def aligned(length: int) -> int:
    """A little more than a length, so that blocks begin where a prompt or a response does; short ones stay."""
    for block in BLOCKS:
        padded = -(-length // block) * block
        if padded <= length * MOST_PADDING:
            return padded
    return length


def row_length(positions: int) -> tuple[int, int]:
    """The length of a row that holds so many positions, and the side of its blocks, which divides it."""
    for block in BLOCKS:
        total = -(-positions // block) * block
        if total <= positions * MOST_PADDING:
            return total, block
    return -(-positions // BLOCKS[-1]) * BLOCKS[-1], BLOCKS[-1]


def _blocks(side: int) -> kernel.BlockSizes:
    return kernel.BlockSizes(
        block_q=side, block_kv=side, block_kv_compute=side,
        block_q_dkv=side, block_kv_dkv=side, block_kv_dkv_compute=side, block_q_dq=side, block_kv_dq=side,
    )  # fmt: skip


def _lengthened(tree: Any, length: int, left: bool) -> Any:
    """Arrays [rows, positions, ...] with zeros on one side."""

    def lengthen(array: Array) -> Array:
        more = length - array.shape[1]
        return jnp.pad(array, ((0, 0), (more, 0) if left else (0, more)) + ((0, 0),) * (array.ndim - 2))

    return jax.tree.map(lengthen, tree)


def _rows(pieces: Sequence[Array], total: int) -> Array:
    """Prompts [P, Q, heads.., H], and responses [B, T, heads.., H] if there are, as rows [P, heads, total, H]."""
    prompts, head_width = pieces[0].shape[0], pieces[0].shape[-1]
    heads = math.prod(pieces[0].shape[2:-1])
    row = jnp.concatenate([piece.reshape(prompts, -1, heads, head_width) for piece in pieces], axis=1)
    return jnp.pad(row, ((0, 0), (0, total - row.shape[1]), (0, 0), (0, 0))).swapaxes(1, 2)
