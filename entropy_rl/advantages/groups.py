"""What the estimators share: groups of responses to one prompt, and the way from responses to tokens.

An estimator is a frozen dataclass called as `estimator(rewards, mask, group_size)`:

    rewards: [B] float32; the G responses of a prompt are adjacent. NaN is undecided: left out of every baseline,
    advantage 0.
    mask: [B, T] bool, the response tokens that count.
    group_size: G.

and returns [B, T] float32, dimensionless, 0 where the mask is False.
"""

from __future__ import annotations

import jax.numpy as jnp

from entropy_rl.ops import masked
from entropy_rl.types import Array


def grouped(rewards: Array, group_size: int) -> tuple[Array, Array]:
    """Rewards [P, G] with 0 in place of NaN, and [P, G] bool, which of them are decided.

    Raises:
      ValueError: if B is not a multiple of `group_size`.
    """
    rewards = jnp.asarray(rewards, jnp.float32)
    if group_size < 1 or rewards.shape[0] % group_size:
        raise ValueError(
            f"{rewards.shape[0]} responses do not split into groups of {group_size}; "
            "the batch must hold every response of each prompt"
        )
    rewards_pg = rewards.reshape(-1, group_size)
    decided_pg = ~jnp.isnan(rewards_pg)
    return masked.zeroed(rewards_pg, decided_pg), decided_pg


def centred(rewards_pg: Array, decided_pg: Array) -> Array:
    """[P, G] rewards minus their group's mean; exactly 0 in a group of equal rewards, and where undecided."""
    mean_p = masked.mean(rewards_pg, decided_pg, axis=1, keepdims=True)
    return jnp.where(decided_pg & differs(rewards_pg, decided_pg), rewards_pg - mean_p, 0.0)


def differs(rewards_pg: Array, decided_pg: Array) -> Array:
    """[P, 1] bool: the group holds two different rewards; not fooled by the rounding of its mean."""
    highest = jnp.max(jnp.where(decided_pg, rewards_pg, -jnp.inf), axis=1, keepdims=True)
    lowest = jnp.min(jnp.where(decided_pg, rewards_pg, jnp.inf), axis=1, keepdims=True)
    return highest > lowest


def spread(advantages_pg: Array, mask: Array) -> Array:
    """[B, T]: each response's number on each of its tokens, 0 elsewhere."""
    return jnp.where(mask, advantages_pg.reshape(-1, 1), 0.0)
