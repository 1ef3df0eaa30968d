"""Samples responses: prefill once per prompt, then one jitted loop that ends when every row has.

A row's tokens depend on nothing but its prompt, its parameters and its identity (seed, purpose, draw, sample).
"""

from __future__ import annotations

import functools

import flax.struct
import jax
import jax.numpy as jnp

from entropy_rl.ops import logprobs as scoring
from entropy_rl.ops import partition
from entropy_rl.rollout import sampling
from entropy_rl.types import Array, Cache, Params, Policy, Rollout


@flax.struct.dataclass
class _Loop:
    index: Array  # [] tokens sampled so far
    hidden: Array  # [B, D] predicts the next token
    cache: Cache
    done: Array  # [B]
    responses: Array  # [B, T]
    logprobs: Array  # [B, T]
    entropies: Array  # [B, T]
    unit_entropies: Array  # [B, T]


@functools.partial(jax.jit, static_argnames=("policy", "group_size", "length", "end_ids", "pad_id", "greedy"))
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

    Returns:
      A Rollout of B = P * group_size rows.
    """
    prompts, prompt_mask, draws = request
    rows = prompts.shape[0] * group_size
    repeated_draws = jnp.repeat(draws, group_size)
    samples = jnp.tile(jnp.arange(group_size, dtype=jnp.uint32), prompts.shape[0]) + first_sample.astype(jnp.uint32)
    keys = sampling.row_keys(seed, purpose, repeated_draws, samples)
    temperatures = jnp.full((rows,), temperature, jnp.float32)
    head = policy.head(params)
    prompt_cache, hidden = policy.prefill(params, prompts, prompt_mask)

    def step(loop: _Loop) -> _Loop:
        unit_logits = scoring.token_logits(loop.hidden, head, jnp.ones_like(temperatures))
        if greedy:
            tokens, logprobs, entropies = sampling.likeliest_token(unit_logits)
        else:
            logits = unit_logits / temperatures[:, None]
            tokens, logprobs, entropies = sampling.sample_token(logits, sampling.uniforms(keys, loop.index))
        unit = jax.lax.cond(temperature == 1.0, lambda: entropies, lambda: sampling.entropy(unit_logits))
        tokens = jnp.where(loop.done, pad_id, tokens)
        done = loop.done | _is_end(tokens, end_ids)
        column = lambda array, values: jax.lax.dynamic_update_slice(  # noqa: E731
            array, jnp.where(loop.done, 0, values).astype(array.dtype)[:, None], (0, loop.index)
        )
        responses = jax.lax.dynamic_update_slice(loop.responses, tokens[:, None], (0, loop.index))
        hidden, cache = policy.decode(params, tokens, loop.index, prompt_mask, prompt_cache, loop.cache)
        return _Loop(
            loop.index + 1, hidden, cache, done, responses,
            column(loop.logprobs, logprobs), column(loop.entropies, entropies), column(loop.unit_entropies, unit),
        )  # fmt: skip

    blank = partition.by_rows(jnp.zeros((rows, length), jnp.float32))
    start = _Loop(
        jnp.int32(0), partition.by_rows(jnp.repeat(hidden, group_size, axis=0)), policy.response_cache(rows, length),
        jnp.zeros((rows,), bool), jnp.full((rows, length), pad_id, jnp.int32), blank, blank, blank,
    )  # fmt: skip
    loop = jax.lax.while_loop(lambda loop: (loop.index < length) & ~loop.done.all(), step, start)
    is_end = _is_end(loop.responses, end_ids)
    within = jnp.arange(length) < loop.index
    mask = within & (jnp.cumsum(is_end, axis=1) - is_end == 0)  # up to and with the first end-of-sequence token
    return Rollout(
        prompts=prompts, prompt_mask=prompt_mask, responses=loop.responses, response_mask=mask,
        logprobs=loop.logprobs, entropies=loop.entropies, unit_entropies=loop.unit_entropies,
        temperature=temperatures, sample_ids=jax.vmap(jax.random.bits)(keys),
        policy_version=jnp.full((rows,), policy_version, jnp.int32), finished=loop.done,
    )  # fmt: skip


def _is_end(tokens: Array, end_ids: tuple[int, ...]) -> Array:
    return functools.reduce(jnp.logical_or, [tokens == token for token in end_ids], jnp.zeros(tokens.shape, bool))
