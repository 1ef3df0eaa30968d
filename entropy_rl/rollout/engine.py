"""Samples responses: prefill once per prompt, then one jitted loop that ends when every row has.

A row's tokens depend on nothing but its prompt, its parameters and its identity (seed, purpose, draw, sample).
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from entropy_rl.ops import logprobs as scoring
from entropy_rl.ops import partition
from entropy_rl.parallel import sharding
from entropy_rl.problem import Tokenizer
from entropy_rl.rollout import sampling
from entropy_rl.types import Array, Cache, Params, Policy, Rollout


@dataclasses.dataclass(frozen=True)
class Request:
    """Prompts of one call, tokenized: a batch that always has the same shape.

    Attributes:
      tokens: [P, Q] int32, left-padded.
      mask: [P, Q] bool.
      draws: [P] uint32, the position of each prompt in the stream of prompts drawn.
    """

    tokens: np.ndarray
    mask: np.ndarray
    draws: np.ndarray


def pack_prompts(prompts: Sequence[str], draws: Sequence[int], tokenizer: Tokenizer, width: int) -> Request:
    """Tokenizes and left-pads prompts to `width` tokens.

    Raises:
      ValueError: if a prompt is longer, or empty.
    """
    tokens = np.full((len(prompts), width), tokenizer.pad_id, np.int32)
    mask = np.zeros((len(prompts), width), bool)
    for row, prompt in enumerate(prompts):
        encoded = tokenizer.encode(prompt)
        if not 0 < len(encoded) <= width:
            raise ValueError(
                f"the prompt {prompt[:80]!r} has {len(encoded)} tokens; between 1 and {width} fit. "
                "Raise the task's max_prompt_tokens or drop the prompt"
            )
        tokens[row, width - len(encoded) :] = encoded
        mask[row, width - len(encoded) :] = True
    return Request(tokens, mask, np.asarray(draws, np.uint32))


@dataclasses.dataclass(frozen=True)
class Engine:
    """Everything about sampling that does not change during a run, so that every call has the same compiled program.

    Attributes:
      policy: the model.
      tokenizer: of the task.
      mesh: where parameters and rows live.
      group_size: G, responses to each prompt in one call.
      prompt_tokens: Q.
      response_tokens: T.
      seed: of the run.
    """

    policy: Policy
    tokenizer: Tokenizer
    mesh: Mesh
    group_size: int
    prompt_tokens: int
    response_tokens: int
    seed: int

    def __call__(
        self,
        params: Params,
        prompts: Sequence[str],
        draws: Sequence[int],
        purpose: sampling.Purpose,
        temperature: float,
        policy_version: Array | int = 0,
        first_sample: int = 0,
    ) -> Rollout:
        """Samples G responses to each prompt. Dispatched, not awaited.

        Args:
          params: on the mesh.
          prompts: texts; the number of them is the same in every call, or a new program is compiled.
          draws: the identity of each prompt in the stream that `purpose` names.
          temperature: > 0.
          policy_version: optimiser steps taken by `params`.
          first_sample: number of the first response of each prompt.
        """
        request = pack_prompts(prompts, draws, self.tokenizer, self.prompt_tokens)
        where = sharding.rows(self.mesh, len(prompts))
        arrays = tuple(jax.device_put(array, where) for array in (request.tokens, request.mask, request.draws))
        with jax.set_mesh(self.mesh):
            return generate(
                params, arrays, jnp.uint32(self.seed), jnp.uint32(purpose), jnp.uint32(first_sample),
                jnp.float32(temperature), jnp.asarray(policy_version, jnp.int32), policy=self.policy,
                group_size=self.group_size, length=self.response_tokens,
                eos_id=self.tokenizer.eos_id, pad_id=self.tokenizer.pad_id,
            )  # fmt: skip

    def texts(self, rollout: Rollout) -> list[str]:
        """The responses [B] as text, end-of-sequence tokens left out."""
        responses, mask = np.asarray(rollout.responses), np.asarray(rollout.response_mask)
        return [
            self.tokenizer.decode(row[: counts.sum()].tolist()) for row, counts in zip(responses, mask, strict=True)
        ]


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


@functools.partial(jax.jit, static_argnames=("policy", "group_size", "length", "eos_id", "pad_id"))
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
    eos_id: int,
    pad_id: int,
) -> Rollout:
    """Samples `group_size` responses to each prompt.

    Args:
      params: of the policy.
      request: tokens [P, Q], mask [P, Q], draws [P], as `Request` holds them.
      seed, purpose: which stream of random numbers.
      first_sample: number of the first response of each prompt, so that later calls can draw more of them.
      temperature: [] float32 > 0.
      policy_version: [] int32, optimiser steps taken by `params`.
      length: T, the most tokens of a response.
      eos_id: ends a response; negative: nothing does.

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
        logits = unit_logits / temperatures[:, None]
        tokens, logprobs, entropies = sampling.sample_token(logits, sampling.uniforms(keys, loop.index))
        unit = jax.lax.cond(temperature == 1.0, lambda: entropies, lambda: sampling.entropy(unit_logits))
        tokens = jnp.where(loop.done, pad_id, tokens)
        done = loop.done | (tokens == eos_id)
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
    ends = jnp.cumsum(loop.responses == eos_id, axis=1)
    within = jnp.arange(length) < loop.index
    mask = within & (ends - (loop.responses == eos_id) == 0)  # up to and with the first end-of-sequence token
    return Rollout(
        prompts=prompts, prompt_mask=prompt_mask, responses=loop.responses, response_mask=mask,
        logprobs=loop.logprobs, entropies=loop.entropies, unit_entropies=loop.unit_entropies,
        temperature=temperatures, sample_ids=jax.vmap(jax.random.bits)(keys),
        policy_version=jnp.full((rows,), policy_version, jnp.int32), finished=loop.done,
    )  # fmt: skip
