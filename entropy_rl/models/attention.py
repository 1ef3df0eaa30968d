"""Attention over two segments: the prompt, whose keys and values its G responses share, and the response itself.

The softmax runs over both segments at once, so that the result is that of G full copies of the prompt, computed once.
"""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import jax
import jax.numpy as jnp

from entropy_rl.ops import partition
from entropy_rl.types import Array

QUERY_BLOCK = 512  # queries whose scores exist at a time
MASKED = -1e30  # finite: a fully masked row averages its values instead of making NaN, and its loss is masked
IMPLEMENTATIONS = ("auto", "xla", "cudnn", "splash")
SPLASH_HEADS = 64  # the kernel's heads are multiples of this wide

Projected = tuple[Array, Array, Array]  # queries [rows, length, K, R, H]; keys and values [rows, length, K, H]


def choose(implementation: str, heads: int, kv_heads: int, head_width: int) -> Literal["xla", "splash"]:
    """The implementation that a configuration's `attention` means for the program that is being made.

    "xla" is the functions below, exact on every device. "splash" is a kernel for TPUs (splash.py): same attention, no
    scores in memory. "auto" is the kernel where it can run, and "xla" elsewhere. "cudnn" is the name of a kernel that
    is not built: cuDNN masks by a causal triangle, a window and lengths, and a left-padded prompt shared by several
    responses is none of them.

    Args:
      implementation: of `IMPLEMENTATIONS`.
      heads, kv_heads, head_width: N, K, H of the policy.

    Raises:
      ValueError: for one that is not built, that no device has, or that cannot run where it was asked for by name.
    """
    if implementation not in IMPLEMENTATIONS:
        raise ValueError(f"policy.attention is {implementation!r}; choose {' or '.join(map(repr, IMPLEMENTATIONS))}")
    if implementation == "cudnn":
        raise ValueError(
            "policy.attention is 'cudnn', a kernel that is not available: its masks cannot say that responses share a "
            "prompt; write 'auto', which takes the fastest implementation that is, or 'xla'"
        )
    if implementation == "xla":
        return "xla"
    hindrance = _hindrance(heads, kv_heads, head_width)
    if implementation == "splash" and hindrance:
        raise ValueError(f"policy.attention is 'splash', {hindrance}; write 'auto', or 'xla'")
    return "xla" if hindrance else "splash"


def _hindrance(heads: int, kv_heads: int, head_width: int) -> str:
    """Why the splash kernel cannot run, if it cannot."""
    devices = partition.axis_sizes().get(partition.TENSOR, 1)
    if partition.platform() != "tpu":
        return f"a kernel for TPUs, and this program is for {partition.platform()}"
    if head_width % SPLASH_HEADS:
        return f"whose heads are multiples of {SPLASH_HEADS} wide, and policy.head_width is {head_width}"
    if heads % devices or (kv_heads % devices and devices % kv_heads):
        return (
            f"which splits heads evenly over mesh.tensor = {devices} devices, and policy.heads = {heads}, "
            f"policy.kv_heads = {kv_heads} do not split so"
        )
    return ""


@dataclasses.dataclass(frozen=True)
class Manner:
    """How a layer attends.

    Attributes:
      scale: of the scores.
      softcap: c in c * tanh(score / c), or None.
      window: [] int32; a token sees itself and the window - 1 tokens before it, across prompt and response. None: all.
      windows: all that layers of the policy have.
      implementation: of attention without a cache, as `choose` gives it.
    """

    scale: float
    softcap: float | None = None
    window: Array | None = None
    windows: tuple[int, ...] = ()
    implementation: Literal["xla", "splash"] = "xla"

    def scores(self, equation: str, query: Array, key: Array) -> Array:
        """Scaled, and capped where the layer does so, in float32."""
        scores: Any = jnp.einsum(equation, query, key, preferred_element_type=jnp.float32)
        scores = scores * self.scale  # after the product: bfloat16 queries would round
        return scores if self.softcap is None else self.softcap * jnp.tanh(scores / self.softcap)

    def near(self, distance: Array) -> Array | bool:
        """Whether a key so many tokens back is within the window."""
        return True if self.window is None else distance < self.window


def of_prompts(prompt: Projected, prompt_mask: Array, manner: Manner) -> Array:
    """Prompts alone [P, Q, K, R, H]; see `causal`."""
    if manner.implementation == "splash":
        return _splash(prompt, None, prompt_mask, manner)[0]
    return causal(*prompt, prompt_mask, manner)


def of_prompts_and_responses(
    prompt: Projected, response: Projected, prompt_mask: Array, manner: Manner
) -> tuple[Array, Array]:
    """Prompts [P, Q, K, R, H] and their responses [B, T, K, R, H]; see `causal` and `shared_prompt`."""
    if manner.implementation == "splash":
        return _splash(prompt, response, prompt_mask, manner)
    attended = causal(*prompt, prompt_mask, manner)
    return attended, shared_prompt(*response, *prompt[1:], prompt_mask, manner)


def _splash(prompt: Projected, response: Projected | None, prompt_mask: Array, manner: Manner) -> tuple[Array, Any]:
    from entropy_rl.models import splash  # its import takes seconds, and one kind of device runs it

    return splash.attend(
        prompt, response, prompt_mask,
        scale=manner.scale, softcap=manner.softcap, windows=manner.windows, window=manner.window,
    )  # fmt: skip


def causal(query: Array, key: Array, value: Array, key_mask: Array, manner: Manner) -> Array:
    """Each token attends to itself and to the valid tokens before it.

    Args:
      query: [P, Q, K, R, H]; R query heads share each key head.
      key, value: [P, Q, K, H].
      key_mask: [P, Q] bool.
      manner: of the layer.

    Returns:
      [P, Q, K, R, H].
    """
    length = query.shape[1]

    def block(start: Array | int, queries: Array) -> Array:
        scores = manner.scores("PTKRH,PSKH->PKRTS", queries, key)
        distance = (start + jnp.arange(queries.shape[1]))[:, None] - jnp.arange(length)[None, :]  # [T, S]
        allowed = ((distance >= 0) & manner.near(distance))[None] & key_mask[:, None, :]
        weights = _softmax(jnp.where(allowed[:, None, None], scores, MASKED), query.dtype)
        return jnp.einsum("PKRTS,PSKH->PTKRH", weights, value)

    return _by_query_blocks(block, query)


def shared_prompt(
    query: Array,
    key: Array,
    value: Array,
    prompt_key: Array,
    prompt_value: Array,
    prompt_mask: Array,
    manner: Manner,
) -> Array:
    """Response tokens attend to their prompt and, causally, to their own response.

    Args:
      query: [B, T, K, R, H], the G rows of a prompt adjacent.
      key, value: [B, T, K, H] of the responses.
      prompt_key, prompt_value: [P, Q, K, H].
      prompt_mask: [P, Q] bool, left-padded, so that the distance to a prompt token does not depend on its length.
      manner: of the layer.

    Returns:
      [B, T, K, R, H].
    """
    prompts, width = prompt_mask.shape
    rows, length = query.shape[:2]
    group = rows // prompts
    grouped = (prompts, group)

    def block(start: Array | int, queries: Array) -> Array:
        by_prompt = queries.reshape(*grouped, *queries.shape[1:])  # [P, G, T, K, R, H]
        to_prompt = manner.scores("PGTKRH,PSKH->PGKRTS", by_prompt, prompt_key)
        numbers = start + jnp.arange(queries.shape[1])
        near = manner.near(width + numbers[:, None] - jnp.arange(width)[None, :])  # [T, S]
        to_prompt = jnp.where(prompt_mask[:, None, None, None, None, :] & near, to_prompt, MASKED)
        to_response = manner.scores("BTKRH,BSKH->BKRTS", queries, key)
        distance = numbers[:, None] - jnp.arange(length)[None, :]
        to_response = jnp.where((distance >= 0) & manner.near(distance), to_response, MASKED)
        scores = jnp.concatenate([to_prompt.reshape(rows, *to_prompt.shape[2:]), to_response], axis=-1)
        weights = _softmax(scores, query.dtype)  # [B, K, R, T, Q + T]
        from_prompt = weights[..., :width].reshape(*grouped, *weights.shape[1:-1], width)
        attended = jnp.einsum("PGKRTS,PSKH->PGTKRH", from_prompt, prompt_value).reshape(queries.shape)
        return attended + jnp.einsum("BKRTS,BSKH->BTKRH", weights[..., width:], value)

    return _by_query_blocks(block, query)


def _softmax(scores: Array, dtype: jnp.dtype) -> Array:
    return jax.nn.softmax(scores, axis=-1).astype(dtype)


def _by_query_blocks(block, query: Array) -> Array:
    """Long inputs go block by block, recomputed backward, so that scores take memory linear in the length."""
    length = query.shape[1]
    if length <= QUERY_BLOCK:
        return block(0, query)
    padded = jnp.pad(query, ((0, 0), (0, -length % QUERY_BLOCK)) + ((0, 0),) * (query.ndim - 2))
    pieces = jnp.moveaxis(padded.reshape(query.shape[0], -1, QUERY_BLOCK, *query.shape[2:]), 1, 0)
    starts = jnp.arange(pieces.shape[0]) * QUERY_BLOCK
    attended = jax.lax.map(lambda piece: jax.checkpoint(block)(*piece), (starts, pieces))
    return jnp.moveaxis(attended, 0, 1).reshape(padded.shape)[:, :length]
