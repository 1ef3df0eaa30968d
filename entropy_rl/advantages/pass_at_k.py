"""Advantages for the best of several answers rather than the average one."""

from __future__ import annotations

import flax.struct
import jax.numpy as jnp

from entropy_rl.advantages import groups
from entropy_rl.ops import masked, schedules
from entropy_rl.types import Array


@flax.struct.dataclass
class PassAtK:
    """Scores each response by what it adds to pass@k, averaged over all subsets of k responses of the group.

        p     = 1 - C(n_wrong, k) / C(n, k)                       the group's pass@k;   s = sqrt(p (1 - p))
        right:  A = (1 - p) / (s + epsilon)
        wrong:  A = (1 - p - C(n_wrong - 1, k - 1) / C(n - 1, k - 1)) / (s + epsilon)

    Source: Chen et al. 2025, Pass@k Training, https://arxiv.org/abs/2508.10751. A reward above 1/2 is a right answer.
    Entropy: once a subset of k is sure to hold a right answer (n_wrong < k) the group is left alone, so entropy is kept
    for the prompts that still fail.

    Attributes:
      k: static, at least 1 and at most the group size; k = 1 is GRPO with ddof 0.
    """

    epsilon: float = 1e-6
    k: int = flax.struct.field(pytree_node=False, default=4)
    normalised = True

    def __call__(self, rewards: Array, mask: Array, group_size: int) -> Array:
        rewards_pg, decided_pg = groups.grouped(rewards, group_size)
        right_pg = decided_pg & (rewards_pg > 0.5)
        n = masked.count(decided_pg, axis=1, keepdims=True)
        n_wrong = masked.count(decided_pg & ~right_pg, axis=1, keepdims=True)
        fails = _draw_ratio(n_wrong, n, self.k)  # every one of k draws is wrong
        fails_with_me = _draw_ratio(n_wrong - 1, n - 1, self.k - 1)
        deviation = jnp.sqrt(fails * (1.0 - fails))
        advantages_pg = (fails - jnp.where(right_pg, 0.0, fails_with_me)) / (deviation + self.epsilon)
        # A subset of k must exist, and a group that always or never passes teaches nothing about pass@k.
        counted_pg = decided_pg & (n >= self.k) & (fails > 0.0) & (n_wrong < n)
        return groups.spread(masked.zeroed(advantages_pg, counted_pg), mask)

    def validate(self) -> None:
        schedules.check(self, "epsilon", 0.0, remedy="it keeps the division finite; 1e-6 is usual", open_low=True)
        schedules.check(self, "k", 1, remedy="k is a number of answers")


@flax.struct.dataclass
class BestOfGroup:
    """Only the best response learns, by its lead over the second best.

        A_best = (r_max - r_second) / (std_g(r) + epsilon),   0 for all others and where two are best

    Source: Tang et al. 2025, https://arxiv.org/abs/2503.19595
    Entropy: no response is ever pushed down, and only lone successes are pushed up.
    """

    epsilon: float = 1e-6
    normalised = True

    def __call__(self, rewards: Array, mask: Array, group_size: int) -> Array:
        rewards_pg, decided_pg = groups.grouped(rewards, group_size)
        ranked_pg = jnp.sort(jnp.where(decided_pg, rewards_pg, -jnp.inf), axis=1)
        best = ranked_pg[:, -1:]
        second = ranked_pg[:, -2:-1] if group_size > 1 else best
        deviation = masked.standard_deviation(rewards_pg, decided_pg, 1, keepdims=True)
        lead = jnp.where(jnp.isfinite(second) & (best > second), best - second, 0.0)
        return groups.spread(jnp.where(decided_pg & (rewards_pg == best), lead / (deviation + self.epsilon), 0.0), mask)

    def validate(self) -> None:
        schedules.check(self, "epsilon", 0.0, remedy="it keeps the division finite; 1e-6 is usual", open_low=True)


def _draw_ratio(n_marked: Array, n: Array, k: int) -> Array:
    """C(n_marked, k) / C(n, k): the probability that k draws without replacement are all marked; float32."""
    ratio = jnp.ones(n.shape, jnp.float32)
    for drawn in range(k):
        ratio = ratio * jnp.maximum(n_marked - drawn, 0) / jnp.maximum(n - drawn, 1)
    return ratio
