"""Maximum-entropy reinforcement learning: entropy is part of the reward."""

from __future__ import annotations

from typing import ClassVar

import flax.struct
import jax.numpy as jnp

from entropy_rl.ops import masked, schedules
from entropy_rl.types import Array, TokenStats


@flax.struct.dataclass
class MaximumEntropy:
    """Adds the entropy that follows a token to its advantage.

        A'_t = A_t + alpha (F_t - mean_prompt(F)),   F_t = -log pi_t + sum_{t' > t} H_t'   [nats], detached

    F_t is an unbiased estimate of the entropy of the rest of the response, its first term that of the token itself, so
    that on-policy the expected gradient is that of reward + alpha * entropy of the whole response.

    Source: Ziebart 2010, Modeling purposeful adaptive behavior with the principle of maximum causal entropy; Haarnoja
    et al. 2018, https://arxiv.org/abs/1801.01290. Advantages stay on their own scale.
    Slot: shaper. Covariances are those of the unshaped advantages.
    Entropy: raises it everywhere and, unlike the plain bonus, also sends the policy to where later tokens are open; a
    longer response has more of it, so length grows too.
    When: as the baseline of uniform control, beside EntropyBonus.
    """

    requires: ClassVar[frozenset[str]] = frozenset()

    alpha: float = 1e-3  # advantage per nat

    def __call__(self, stats: TokenStats) -> Array:  # [B, T]
        entropies = masked.zeroed(stats.entropies, stats.mask)
        ahead = jnp.cumsum(entropies[:, ::-1], axis=1)[:, ::-1] - entropies
        future = ahead - stats.logprobs
        prompts = (-1, stats.group_size * future.shape[1])
        baseline = masked.mean(future.reshape(prompts), stats.mask.reshape(prompts), axis=1)  # [P]
        return stats.advantages + self.alpha * (future - jnp.repeat(baseline, stats.group_size)[:, None])

    def validate(self) -> None:
        schedules.check(self, "alpha", 0.0, remedy="0 is plain policy gradient; a negative one would spend entropy")
