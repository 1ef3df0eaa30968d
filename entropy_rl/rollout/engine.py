"""Text in, responses out: the host's side of sampling. The program itself is in generation.py."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from entropy_rl.models.kv_cache import Storage
from entropy_rl.parallel import rows, sharding
from entropy_rl.problem import Tokenizer
from entropy_rl.rollout import buckets, sampling
from entropy_rl.rollout.generation import generate
from entropy_rl.rollout.templates import Template
from entropy_rl.types import Array, Params, Policy, Rollout


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


def prompt_ids(prompt: str, tokenizer: Tokenizer, template: Template | None = None) -> list[int]:
    """What the policy is shown for a prompt."""
    return tokenizer.encode(prompt) if template is None else template.encode(prompt, tokenizer)


def pack_prompts(
    prompts: Sequence[str], draws: Sequence[int], tokenizer: Tokenizer, width: int, template: Template | None = None
) -> Request:
    """Tokenizes and left-pads prompts to `width` tokens.

    Raises:
      ValueError: if a prompt is longer, or empty: no prompt is ever cut.
    """
    tokens = np.full((len(prompts), width), tokenizer.pad_id, np.int32)
    mask = np.zeros((len(prompts), width), bool)
    for row, prompt in enumerate(prompts):
        encoded = prompt_ids(prompt, tokenizer, template)
        if not 0 < len(encoded) <= width:
            raise ValueError(
                f"the prompt {prompt[:80]!r} has {len(encoded)} tokens; between 1 and {width} fit. "
                "Raise rollout.prompt_tokens, or drop the prompt"
            )
        tokens[row, width - len(encoded) :] = encoded
        mask[row, width - len(encoded) :] = True
    return Request(tokens, mask, np.asarray(draws, np.uint32))


@dataclasses.dataclass(frozen=True)
class Engine:
    """Everything about sampling that does not change during a run, so that every call has the same compiled program.

    Attributes:
      policy: the model.
      tokenizer: of the task or of the model.
      mesh: where parameters and rows live.
      group_size: G, responses to each prompt in one call.
      prompt_tokens: Q.
      response_tokens: T.
      seed: of the run.
      template: what is written around a prompt; None for nothing.
      stop: names of further tokens that end a response, and that its text keeps.
      slots, buckets, cache: as in `RolloutConfig`.
    """

    policy: Policy
    tokenizer: Tokenizer
    mesh: Mesh
    group_size: int
    prompt_tokens: int
    response_tokens: int
    seed: int
    template: Template | None = None
    stop: tuple[str, ...] = ()
    slots: int = 0
    buckets: int = 0
    cache: Storage = "auto"

    @functools.cached_property
    def silent_ends(self) -> tuple[int, ...]:
        """Tokens that end a response and are no part of its text: those of the tokenizer and of the template."""
        of_template = () if self.template is None else self.template.end_ids(self.tokenizer)
        return tuple(dict.fromkeys((*self.tokenizer.eos_ids, *of_template)))

    @functools.cached_property
    def end_ids(self) -> tuple[int, ...]:
        """All tokens that end a response.

        Raises:
          ValueError: if a name in `stop` is not one token.
        """
        return tuple(dict.fromkeys((*self.silent_ends, *(stop_id(name, self.tokenizer) for name in self.stop))))

    def prompt_length(self, prompt: str) -> int:
        """Tokens of a prompt as the policy is shown it."""
        return len(prompt_ids(prompt, self.tokenizer, self.template))

    def fits(self, prompt: str) -> bool:
        """Whether a prompt can be sampled from; those that are too long, or empty, are left out."""
        return 0 < self.prompt_length(prompt) <= self.prompt_tokens

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

        On several processes each gives its own prompts, equally many (see parallel/rows.py), and all call it together.

        Args:
          params: on the mesh.
          prompts: texts; the number of them is the same in every call, or a new program is compiled.
          draws: the identity of each prompt in the stream that `purpose` names.
          temperature: > 0; or exactly 0 for the likeliest token each time, whose log-prob and entropy are then 0.
          policy_version: optimiser steps taken by `params`.
          first_sample: number of the first response of each prompt.
        """
        request = pack_prompts(prompts, draws, self.tokenizer, self.prompt_tokens, self.template)
        arrays = rows.from_local_rows(self.mesh, (request.tokens, request.mask, request.draws))
        with jax.set_mesh(self.mesh):
            sampled = generate(
                params, arrays, jnp.uint32(self.seed), jnp.uint32(purpose), jnp.uint32(first_sample),
                jnp.float32(temperature), jnp.asarray(policy_version, jnp.int32), **self.options(temperature == 0.0),
            )  # fmt: skip
        return rows.settled(sampled)

    def options(self, greedy: bool = False) -> dict[str, Any]:
        """What the program of `generate` is compiled for beside the shapes of its arrays."""
        return {
            "policy": self.policy, "group_size": self.group_size, "length": self.response_tokens,
            "end_ids": self.end_ids, "pad_id": self.tokenizer.pad_id, "greedy": greedy,
            "slots": self.slots, "buckets": self.buckets, "storage": self.cache,
        }  # fmt: skip

    def chain(self, prompts: int) -> tuple[int, ...]:
        """Rows of each loop on one batch shard, for a call with so many prompts."""
        shards = sharding.batch_shards(self.mesh)
        return buckets.plan(
            prompts, self.group_size, self.prompt_tokens, self.response_tokens, self.slots, self.buckets, shards
        )

    def utilisation(self, rollout: Rollout) -> float:
        """Share of the rows that this process's devices computed whose response was still going on.

        Devices along "tensor" that wait for other batch shards are not counted.
        """
        lengths, prompts = rows.local_rows(rollout.response_mask).sum(axis=1), rollout.prompts.shape[0]
        shards = buckets.shards_of(prompts, sharding.batch_shards(self.mesh))
        pieces, chain = len(lengths) * shards // (prompts * self.group_size), self.chain(prompts)
        computed = sum(buckets.slot_steps(part.tolist(), chain) for part in np.split(lengths, pieces))
        return float(lengths.sum() / computed)

    def texts(self, rollout: Rollout) -> list[str]:
        """The responses [B] as text, end-of-sequence tokens left out; of several processes, each has its own."""
        responses, mask = rows.local_rows(rollout.responses), rows.local_rows(rollout.response_mask)
        lengths = mask.sum(axis=1)
        return [self.text(row[:length].tolist()) for row, length in zip(responses, lengths, strict=True)]

    def text(self, tokens: Sequence[int]) -> str:
        """The text of one response, the token that ended it left out."""
        ended = bool(tokens) and tokens[-1] in self.silent_ends
        return self.tokenizer.decode(tokens[:-1] if ended else tokens)


def stop_id(name: str, tokenizer: Tokenizer) -> int:
    """The token that a name in `rollout.stop` stands for.

    Raises:
      ValueError: if it is not one token: a response is ended by looking at its newest token, not at its text.
    """
    encode = getattr(tokenizer, "encode_markup", tokenizer.encode)
    tokens = encode(name)
    if len(tokens) != 1:
        raise ValueError(
            f"rollout.stop names {name!r}, which is {len(tokens)} tokens; only a single token can end a response: "
            "name one, or let the reward look at the text"
        )
    return tokens[0]


def ahead(sample: Callable[..., Rollout], jobs: Sequence[tuple[Any, ...]]) -> Iterator[Rollout]:
    """Rollouts in order, each dispatched before the one before it is judged: the device works while the host does."""
    pending = sample(*jobs[0])
    for job in jobs[1:]:
        following = sample(*job)
        yield pending
        pending = following
    yield pending
