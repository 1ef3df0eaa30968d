"""Half of the advantages."""

from __future__ import annotations

from typing import Any

import flax.struct
import jax.numpy as jnp

from entropy_rl.types import Array


@flax.struct.dataclass
class OneSided:
    """Advantages of one sign, the others 0.

    Source: the ablation of 2511.05993, https://arxiv.org/abs/2511.05993

    Attributes:
      estimator: of entropy_rl.advantages.
      positive: which half is kept.
    """

    estimator: Any
    positive: bool = flax.struct.field(pytree_node=False, default=True)

    def __call__(self, rewards: Array, mask: Array, group_size: int) -> Array:
        advantages = self.estimator(rewards, mask, group_size)
        return jnp.maximum(advantages, 0.0) if self.positive else jnp.minimum(advantages, 0.0)
