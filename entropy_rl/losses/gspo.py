"""GSPO: one ratio per response."""

from __future__ import annotations

import flax.struct
import jax
import jax.numpy as jnp

from entropy_rl.ops import masked, schedules
from entropy_rl.types import Array, TokenStats


@flax.struct.dataclass
class GspoSurrogate:
    """Clips a response as a whole, by the geometric mean of its tokens' ratios.

        s_i    = exp(mean_t(log ratio_t))
        loss_t = max(-A s_i, -A clip(s_i, 1 - epsilon_low, 1 + epsilon_high))   on every token of response i

    Source: Zheng et al. 2025, https://arxiv.org/abs/2507.18071, with its bounds, three orders below PPO's.
    Slot: surrogate, with SequenceMean. `token_form` gives each token its own gradient s_i A_t, for advantages that
    differ within a response; with equal ones both forms agree in value and gradient.
    Entropy: whole responses leave the update, so no token is singled out; 10 to 30 % of them are clipped as published.

    Gradient with respect to log pi_t of the sum over the n_i tokens, times -1, with s = s_i:

                 s < 1 - epsilon_low   inside   s > 1 + epsilon_high
        A > 0    s A                   s A      0
        A < 0    0                     s A      s A
    """

    sequence_level = True

    epsilon_low: float = 3e-4
    epsilon_high: float = 4e-4
    token_form: bool = flax.struct.field(pytree_node=False, default=False)

    def __call__(self, stats: TokenStats) -> Array:  # [B, T]
        log_ratio = masked.mean(stats.log_ratio, stats.mask, axis=1, keepdims=True)  # [B, 1]
        if self.token_form:
            log_ratio = jax.lax.stop_gradient(log_ratio - stats.log_ratio) + stats.log_ratio
        ratio = jnp.broadcast_to(jnp.exp(log_ratio), stats.mask.shape)
        bounded = jnp.clip(jax.lax.stop_gradient(ratio), 1.0 - self.epsilon_low, 1.0 + self.epsilon_high)
        return -stats.advantages * jnp.where(self.clipped(stats), bounded, ratio)

    def clipped(self, stats: TokenStats) -> Array:  # [B, T] bool
        ratio = jnp.exp(masked.mean(stats.log_ratio, stats.mask, axis=1, keepdims=True))
        too_high = (stats.advantages > 0) & (ratio > 1.0 + self.epsilon_high)
        return too_high | ((stats.advantages < 0) & (ratio < 1.0 - self.epsilon_low))

    def validate(self) -> None:
        remedy = "a mean ratio hardly moves, so larger bounds never clip; 3e-4 and 4e-4 are published"
        schedules.check(self, "epsilon_low", 0.0, 0.01, remedy)
        schedules.check(self, "epsilon_high", 0.0, 0.01, remedy)
