"""Clip_B and Clip_V: tokens of wrong answers that would cost most entropy sit out."""

from __future__ import annotations

from typing import ClassVar

import flax.struct
import jax.numpy as jnp

from entropy_rl.ops import masked, schedules, selection
from entropy_rl.ops.discriminator import discriminator
from entropy_rl.types import Array, TokenStats


@flax.struct.dataclass
class EntropyDiscriminator:
    """Closes tokens of wrong answers whose entropy signal lies far on the side that lowers entropy.

        S_t    = pi_t (log pi_t + H_t)
        gate_t = 0   where A_t < 0 and S_t - mean(S) < -mu std(S),   else 1        (Clip_B)

    mean and std over the valid tokens of the mini-batch. Pushing a token with S < 0, one rarer than exp(-H), further
    down lowers the entropy.

    Source: Wang et al. 2026, On the Entropy Dynamics in Reinforcement Fine-Tuning, https://arxiv.org/abs/2602.03392
    (mu 2 to 3), as in public code, which drops closed tokens from the mean and works per batch.
    Slot: gate. A closed token still counts in the mean. Combines with everything.
    Entropy: keeps wrong answers from sharpening the policy by erasing rare tokens; right answers are untouched.
    """

    requires: ClassVar[frozenset[str]] = frozenset()

    mu: float = 2.5  # standard deviations

    def __call__(self, stats: TokenStats, key: Array) -> Array:  # [B, T]
        del key
        signal = discriminator(stats.logprobs, stats.entropies)
        distance = signal - masked.mean(signal, stats.mask)
        far = distance < -self.mu * masked.standard_deviation(signal, stats.mask, ddof=0)
        return jnp.where((stats.advantages < 0) & far, 0.0, 1.0)

    def validate(self) -> None:
        schedules.check(self, "mu", 0.0, remedy="2 to 3 are published; infinity closes nothing")


@flax.struct.dataclass
class VocabularyDiscriminator:
    """The same with each token's own expectation as the baseline, exact to first order (Clip_V).

        D_t    = E_pi[S] - S_t
        gate_t = 0   for the floor(fraction * n_valid) largest D_t among the tokens with A_t < 0 and D_t > mu std(D)

    Source: Wang et al. 2026, https://arxiv.org/abs/2602.03392 (mu 7.5 to 8.5); the cap of 1e-4 as in public code, which
    closes at least one token.
    Slot: gate. A closed token still counts in the mean. Combines with everything.
    Requires: expected_discriminators (ops/discriminator.py, one more sum over the vocabulary).
    Entropy: as EntropyDiscriminator, with fewer tokens.
    """

    requires: ClassVar[frozenset[str]] = frozenset({"expected_discriminators"})

    mu: float = 8.5  # standard deviations
    fraction: float = 1e-4  # of the valid tokens of the mini-batch
    max_fraction: float = flax.struct.field(pytree_node=False, default=0.01)  # static: bounds the selection
    minimum: int = flax.struct.field(pytree_node=False, default=0)  # tokens; 1 for parity with public code

    def __call__(self, stats: TokenStats, key: Array) -> Array:  # [B, T]
        del key
        assert stats.expected_discriminators is not None
        cost = stats.expected_discriminators - discriminator(stats.logprobs, stats.entropies)
        far = cost > self.mu * masked.standard_deviation(cost, stats.mask, ddof=0)
        eligible = far & (stats.advantages < 0)
        closed = selection.top_fraction(cost, stats.mask, self.fraction, self.max_fraction, self.minimum, eligible)
        return jnp.where(closed, 0.0, 1.0)

    def validate(self) -> None:
        schedules.check(self, "mu", 0.0, remedy="7.5 to 8.5 are published; infinity closes nothing")
        schedules.check_fraction(self)
