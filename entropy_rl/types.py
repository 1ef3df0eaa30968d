"""The reader's map: what flows from rollouts to the update, with its shapes.

Letters: P prompts, G responses per prompt, B = P * G sequences, Q prompt tokens (left-padded), T response tokens
(right-padded), D model width, V vocabulary. The G responses of a prompt are adjacent. A mask is True where a token
counts. Log-probabilities are in nats, of the logits divided by the sampling temperature, reduced in float32.
"""

from __future__ import annotations

from typing import Any, Protocol

import flax.struct
import jax

Array = jax.Array
Params = Any  # a nested dict of arrays
Cache = Any  # keys and values, a pytree of arrays whose layout is the policy's own


@flax.struct.dataclass
class Rollout:
    """What the engine sampled, before anyone judged it."""

    prompts: Array  # [P, Q] int32
    prompt_mask: Array  # [P, Q] bool
    responses: Array  # [B, T] int32
    response_mask: Array  # [B, T] bool: sampled tokens, the end-of-sequence token included
    logprobs: Array  # [B, T] float32, nats: of the distribution that was sampled from
    entropies: Array  # [B, T] float32, nats: at the sampling temperature
    unit_entropies: Array  # [B, T] float32, nats: at temperature 1
    temperature: Array  # [B] float32
    sample_ids: Array  # [B] uint32: a hash of (seed, draw, sample), the identity of a row wherever it is placed
    policy_version: Array  # [B] int32: optimiser steps of the parameters that sampled the row
    finished: Array  # [B] bool: ended with the end-of-sequence token; False if cut off at T


@flax.struct.dataclass
class Experience:
    """What the update reads. A mini-batch is whole groups; optional fields are there if a method requires them.

    A response mask may have holes: text that the policy did not write, such as a tool's answer. Its tokens are context
    to those after them and have no loss and no statistics. The last True ends a response; what follows is padding.
    """

    prompts: Array  # [P, Q] int32
    prompt_mask: Array  # [P, Q] bool
    responses: Array  # [B, T] int32
    response_mask: Array  # [B, T] bool; may have holes; its last True is the end of the response
    advantages: Array  # [B, T] float32
    old_logprobs: Array  # [B, T] float32, nats
    temperature: Array  # [B] float32
    sample_ids: Array  # [B] uint32
    policy_version: Array  # [B] int32
    old_entropies: Array | None = None  # [B, T] float32, nats
    rollout_logprobs: Array | None = None  # [B, T] as the engine reported them
    reference_logprobs: Array | None = None  # [B, T]
    proxy_logprobs: Array | None = None  # [B, T] of Lp-Reg's filtered policy
    roles: Array | None = None  # [B, T] int32, problem.Role
    correct: Array | None = None  # [B] bool: raw accuracy, not shaped reward
    parts: Array | None = None  # [B] int32: which task of a mixture
    off_policy: Array | None = None  # [B, T] bool: refined or otherwise not sampled by the policy
    values: Array | None = None  # [B, T] float32
    returns: Array | None = None  # [B, T] float32


@flax.struct.dataclass
class TokenStats:
    """What surrogates, gates, penalties and shapers read: one immutable record per token, padding already zeroed.

    The same class serves the whole mini-batch (detached, for selection) and a micro-batch (differentiable, for the
    loss).
    `covariance`, `clipped` and `branch` are only ever computed over the whole mini-batch.
    """

    logprobs: Array  # [B, T] nats; carries the gradient
    old_logprobs: Array  # [B, T] nats
    log_ratio: Array  # [B, T] logprobs - old_logprobs, exactly 0 on-policy, clamped to +-20
    entropies: Array  # [B, T] nats; carries the gradient
    advantages: Array  # [B, T] unshaped when a plan is made, shaped in the loss
    mask: Array  # [B, T] bool
    temperature: Array  # [B]
    sample_ids: Array  # [B] uint32
    group_size: int = flax.struct.field(pytree_node=False)  # G of the mini-batch; in a piece of it, rows per prompt
    covariance: Array | None = None  # [B, T] nats * advantage
    clipped: Array | None = None  # [B, T] bool: the surrogate has no gradient here
    rollout_logprobs: Array | None = None
    reference_logprobs: Array | None = None
    proxy_logprobs: Array | None = None
    roles: Array | None = None
    correct: Array | None = None  # [B] bool
    parts: Array | None = None  # [B] int32
    off_policy: Array | None = None
    values: Array | None = None  # [B, T] of the critic; carries the gradient
    old_values: Array | None = None  # [B, T] of the critic at the rollout
    returns: Array | None = None  # [B, T] unit of the reward
    nucleus_entropies: Array | None = None  # [B, T] nats, of ops/nucleus.py; carries the gradient
    expected_discriminators: Array | None = None  # [B, T] nats, of ops/discriminator.py; detached
    branch: Array | None = None  # [B, T] bool: tokens that a Switch sends to its first surrogate


@flax.struct.dataclass
class TrainState:
    """The learner: arrays only. A checkpoint holds all of it but `frozen`, which never changes."""

    step: Array  # int32: optimiser steps taken, and so the version of `params`
    params: Params  # what is trained: the whole policy, or its adapters
    opt_state: Any
    controllers: Any = ()  # states of closed-loop coefficients
    reference: Params | None = None  # a frozen or averaged copy, where a reference policy is wanted
    critic: Params | None = None  # a value head, where one is wanted
    frozen: Params | None = None  # the weights under the adapters, where only adapters are trained


class Policy(Protocol):
    """A language model as pure functions of a nested dict of arrays. Implementation: models/decoder.py."""

    @property
    def dtype(self) -> Any:
        """Of activations, and of the weights that rollouts read."""
        ...

    def init(self, key: Array) -> Params: ...

    def logical_axes(self) -> Any:
        """A tree like the parameters', each leaf a tuple with one logical axis name (or None) per dimension."""
        ...

    def response_hidden(self, params: Params, prompts: Array, prompt_mask: Array, responses: Array) -> Array:
        """[B, T, D]: the hidden state from which each response token is predicted. Prompts are computed once each."""
        ...

    def head(self, params: Params) -> Any:
        """[V, D]: logits are hidden @ head.T; or an `ops.logprobs.Head` around it, where they are capped."""
        ...

    def prefill(self, params: Params, prompts: Array, prompt_mask: Array, storage: Any = "auto") -> tuple[Cache, Array]:
        """Keys and values of the prompts, and [P, D], the hidden state that predicts the first response token."""
        ...

    def decode(
        self,
        params: Params,
        tokens: Array,
        column: Array,
        prompt_mask: Array,
        prompt_cache: Cache,
        response_cache: Cache,
        starts: Array | None = None,
        most_widths: int = 1,
    ) -> tuple[Array, Cache]:
        """Feeds one token to each of the first rows of a cache, [b]: [b, D], and the cache updated in place."""
        ...

    def response_cache(self, batch: int, length: int, storage: Any = "auto") -> Cache:
        """An empty cache for `batch` responses of at most `length` tokens: a `models.kv_cache.KeysValues`."""
        ...
