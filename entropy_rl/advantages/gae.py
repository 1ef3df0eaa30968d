"""Advantages from a critic: generalised advantage estimation over the valid tokens of each response."""

from __future__ import annotations

from typing import Any

import flax.struct
import jax
import jax.numpy as jnp

from entropy_rl.ops import masked, schedules
from entropy_rl.types import Array


def generalized_advantages(
    values: Array, rewards: Array, mask: Array, gamma: float | Array = 1.0, decay: float | Array = 1.0
) -> tuple[Array, Array]:
    """Weighs the temporal differences of all later tokens, the reward falling on the last one.

        delta_t = r_t + gamma V_{t+1} - V_t,   V = 0 behind the last token,   r_t = reward on the last token, else 0
        A_t     = delta_t + gamma decay A_{t+1},   return_t = A_t + V_t

    `t + 1` is the next valid token: a hole in the mask (tool output) is stepped over, and neither discounts nor resets
    what is carried. With gamma = decay = 1, A_t = reward - V_t.

    Source: Schulman et al. 2016, https://arxiv.org/abs/1506.02438; `decay` is lambda there.
    Entropy: like REINFORCE with a baseline per token. decay 1 is usual for long reasoning; below it, late rewards fade
    before they reach the tokens where the policy decided.

    Args:
      values: [B, T] float32 of the critic at each token, unit of the rewards; detached here.
      rewards: [B] float32; NaN is undecided: advantage 0 and return V.
      mask: [B, T] bool, may have holes.
      gamma, decay: in [0, 1].

    Returns:
      advantages and returns, both [B, T] float32, 0 where the mask is False.
    """
    decided = ~jnp.isnan(rewards)
    values = masked.zeroed(jax.lax.stop_gradient(values), mask)
    last = mask & (jnp.cumsum(mask[:, ::-1], axis=1)[:, ::-1] == 1)  # no valid token behind it
    rewards_t = jnp.where(last, masked.zeroed(rewards, decided)[:, None], 0.0)  # [B, T]

    def step(carry: tuple[Array, Array], token: tuple[Array, Array, Array]):
        next_value, next_advantage = carry
        value, reward, valid = token
        advantage = reward + gamma * next_value - value + gamma * decay * next_advantage
        carry = jnp.where(valid, value, next_value), jnp.where(valid, advantage, next_advantage)
        return carry, advantage

    nothing = jnp.zeros(values.shape[0], jnp.float32)
    _, advantages = jax.lax.scan(step, (nothing, nothing), (values.T, rewards_t.T, mask.T), reverse=True)
    advantages = masked.zeroed(advantages.T, mask & decided[:, None])
    return advantages, advantages + values


@flax.struct.dataclass
class Gae:
    """PPO's advantages: generalised advantage estimation from a critic, whitened over the tokens of the batch.

        A_t <- (A_t - mean_tokens(A)) / (std_tokens(A) + epsilon),   std over n - 1; the returns stay as they are

    Source: Schulman et al. 2017 (PPO), https://arxiv.org/abs/1707.06347; whitening as in its public implementations.
    Slot: advantages, together with PolicyLoss.value_loss.
    Entropy: as with one baseline per token instead of one per group.
    """

    gamma: Any = 1.0
    decay: Any = 0.95  # lambda
    epsilon: float = 1e-8  # unit of the rewards
    whiten: bool = flax.struct.field(pytree_node=False, default=True)
    normalised = True
    needs_critic = True

    def __call__(self, rewards: Array, mask: Array, group_size: int, values: Array) -> tuple[Array, Array]:
        """Advantages and returns, [B, T]; see `generalized_advantages`."""
        del group_size  # each response stands alone
        advantages, returns = generalized_advantages(values, rewards, mask, self.gamma, self.decay)
        if self.whiten:
            counted = mask & ~jnp.isnan(rewards)[:, None]
            centred = advantages - masked.mean(advantages, counted)
            deviation = masked.standard_deviation(advantages, counted)
            advantages = masked.zeroed(centred / (deviation + self.epsilon), counted)
        return advantages, returns

    def validate(self) -> None:
        schedules.check(self, "gamma", 0.0, 1.0, "1 is usual: a late reward is worth as much as an early one")
        schedules.check(self, "decay", 0.0, 1.0, "0.95 is PPO's, 1 is usual for long reasoning")
        schedules.check(self, "epsilon", 0.0, remedy="it keeps the division finite; 1e-8 is usual", open_low=True)
