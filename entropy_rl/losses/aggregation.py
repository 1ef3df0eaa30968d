"""How the tokens of a mini-batch make one number: each choice is the weight that it gives to every token.

N tokens, n_i of them in response i, count in the whole mini-batch; B_valid responses have at least one.

    TokenMean            1 / N                        long responses weigh more; DAPO
    SequenceMean         1 / (B_valid n_i)            a token of a long response weighs less; GRPO as published
    SequenceSum          1 / B_valid                  the gradient grows with length
    ConstantNormaliser   1 / (B_valid length)         the same, on TokenMean's scale; Dr.GRPO
    PromptMean           1 / (P_valid n_prompt)       token mean within each prompt, then the mean of prompts

A token that a gate closes still counts here, unless the gate says otherwise (`denominator="kept"`). Weights are
computed over the whole mini-batch, so every cut into micro-batches adds up to the same loss.

Source: ALGORITHMS 5; Yu et al. 2025 (DAPO) https://arxiv.org/abs/2503.14476; Liu et al. 2025 (Dr.GRPO)
https://arxiv.org/abs/2503.20783
"""

from __future__ import annotations

import flax.struct
import jax.numpy as jnp

from entropy_rl.ops import masked, schedules
from entropy_rl.types import Array


@flax.struct.dataclass
class TokenMean:
    """Mean over all valid tokens of the mini-batch."""

    def __call__(self, mask: Array, group_size: int) -> Array:
        del group_size
        return mask / _at_least_one(masked.count(mask))


@flax.struct.dataclass
class SequenceMean:
    """Mean over the responses of each one's token mean."""

    def __call__(self, mask: Array, group_size: int) -> Array:
        del group_size
        return mask / _at_least_one(masked.count(mask, axis=1, keepdims=True)) / _n_sequences(mask)


@flax.struct.dataclass
class SequenceSum:
    """Mean over the responses of each one's sum over tokens."""

    def __call__(self, mask: Array, group_size: int) -> Array:
        del group_size
        return mask / _n_sequences(mask)


@flax.struct.dataclass
class ConstantNormaliser:
    """Mean over the responses of each one's sum over tokens, divided by the same number of tokens for all."""

    length: float  # tokens; usually the longest response allowed, never the padded width, which varies

    def __call__(self, mask: Array, group_size: int) -> Array:
        del group_size
        return mask / _n_sequences(mask) / self.length

    def validate(self) -> None:
        schedules.check(self, "length", 0.0, remedy="give the longest response allowed, in tokens", open_low=True)


@flax.struct.dataclass
class PromptMean:
    """Mean over the prompts of the token mean of each one's responses."""

    def __call__(self, mask: Array, group_size: int) -> Array:
        n_prompt = masked.count(mask.reshape(-1, group_size * mask.shape[1]), axis=1)  # [P]
        n_prompts = _at_least_one(masked.count(n_prompt > 0))
        return mask / jnp.repeat(_at_least_one(n_prompt), group_size)[:, None] / n_prompts


def _n_sequences(mask: Array) -> Array:
    return _at_least_one(masked.count(mask.any(axis=1)))


def _at_least_one(count: Array) -> Array:
    return jnp.maximum(count, 1).astype(jnp.float32)
