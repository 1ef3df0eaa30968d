"""What a response of the table is paid. Each is a frozen dataclass called inside the compiled step."""

from __future__ import annotations

from typing import Protocol

import flax.struct
import jax
import jax.numpy as jnp

from entropy_rl.types import Array


@flax.struct.dataclass
class Sampled:
    """The responses of a step: P prompts, G responses to each, T tokens long."""

    answers: Array  # [P, G] int32
    worth: Array  # [P, G] of each answer
    logprobs: Array  # [P, G, T] nats
    entropies: Array  # [P, G, T] nats


class TabularReward(Protocol):
    """[P, G] rewards of the responses of a step."""

    def __call__(self, sampled: Sampled, key: Array) -> Array: ...


@flax.struct.dataclass
class Worth:
    """What the answer is worth."""

    def __call__(self, sampled: Sampled, key: Array) -> Array:
        del key
        return sampled.worth


@flax.struct.dataclass
class Coin:
    """1 with a probability, else 0, whatever the answer: a reward that teaches nothing."""

    probability: float = 0.5

    def __call__(self, sampled: Sampled, key: Array) -> Array:
        return (jax.random.uniform(key, sampled.answers.shape) < self.probability).astype(jnp.float32)


@flax.struct.dataclass
class InverseFrequency:
    """IPS-GRPO: the worth, over the share of the group that gave the same answer.

    As rewards/inverse_probability.py, on arrays. Source: Sinha et al. 2026, https://arxiv.org/abs/2601.21669
    """

    def __call__(self, sampled: Sampled, key: Array) -> Array:
        del key
        return sampled.worth * sampled.answers.shape[1] / _votes(sampled.answers)


@flax.struct.dataclass
class Certainty:
    """RLIF: minus the mean entropy of the response's tokens; no answer is ever judged."""

    def __call__(self, sampled: Sampled, key: Array) -> Array:
        del key
        return -sampled.entropies.mean(axis=2)


@flax.struct.dataclass
class Majority:
    """1 for the answers that the group gave most often, else 0."""

    def __call__(self, sampled: Sampled, key: Array) -> Array:
        del key
        votes = _votes(sampled.answers)
        return (votes == votes.max(axis=1, keepdims=True)).astype(jnp.float32)


def _votes(answers: Array) -> Array:
    """[P, G] how many responses of the group gave this answer."""
    return (answers[:, :, None] == answers[:, None, :]).sum(axis=2)
