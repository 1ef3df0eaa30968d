"""The clipped surrogate of PPO, with separate bounds and the dual clip."""

from __future__ import annotations

import flax.struct
import jax
import jax.numpy as jnp

from entropy_rl.ops import schedules
from entropy_rl.types import Array, TokenStats


@flax.struct.dataclass
class ClippedSurrogate:
    """Stops the gradient of a token once its ratio has moved far enough in the direction of its advantage.

        loss_t = max(-A r, -A clip(r, 1 - epsilon_low, 1 + epsilon_high)),   r = exp(log ratio)
        with dual_clip c, where A < 0:  min(loss_t, -A c)

    Source: Schulman et al. 2017, https://arxiv.org/abs/1707.06347; asymmetric bounds: Yu et al. 2025 (DAPO),
    https://arxiv.org/abs/2503.14476; dual clip: Ye et al. 2019, https://arxiv.org/abs/1912.09729
    Slot: surrogate.
    Entropy: epsilon_high up lets rare tokens rise, and entropy with them; epsilon_low up lowers it. .2/.28 is
    clip-higher. On-policy (one update per rollout) nothing is ever clipped.

    Gradient with respect to log pi_t, times -1:

                 r < 1 - epsilon_low   inside   r > 1 + epsilon_high   r > dual_clip
        A > 0    r A                   r A      0                      0
        A < 0    0                     r A      r A                    0

    and without a dual clip nothing is beyond it.

    Attributes:
      dual_clip: None, or c > 1 + epsilon_high; bounds the loss of a bad token that became much likelier.
    """

    epsilon_low: float = 0.2
    epsilon_high: float = 0.2
    dual_clip: float | None = None

    def __call__(self, stats: TokenStats) -> Array:  # [B, T]
        ratio = jnp.exp(stats.log_ratio)
        bounded = jnp.clip(ratio, 1.0 - self.epsilon_low, 1.0 + self.epsilon_high)
        if self.dual_clip is not None:
            bounded = jnp.where((stats.advantages < 0) & (ratio > self.dual_clip), self.dual_clip, bounded)
        # Selected rather than max(): the same value, and at a tie the whole gradient instead of half of it.
        return -stats.advantages * jnp.where(self.clipped(stats), jax.lax.stop_gradient(bounded), ratio)

    def clipped(self, stats: TokenStats) -> Array:  # [B, T] bool
        ratio, advantages = jnp.exp(stats.log_ratio), stats.advantages
        too_high = (advantages > 0) & (ratio > 1.0 + self.epsilon_high)
        too_low = (advantages < 0) & (ratio < 1.0 - self.epsilon_low)
        if self.dual_clip is None:
            return too_high | too_low
        return too_high | too_low | ((advantages < 0) & (ratio > self.dual_clip))

    def validate(self) -> None:
        schedules.check(self, "epsilon_low", 0.0, 1.0, "the ratio cannot fall below 0; 1 switches the lower bound off")
        schedules.check(self, "epsilon_high", 0.0, remedy="0.2 is usual, 0.28 is clip-higher")
        if self.dual_clip is not None:
            schedules.check(self, "dual_clip", 1.0, remedy="3 and 10 are usual, None switches it off", open_low=True)
