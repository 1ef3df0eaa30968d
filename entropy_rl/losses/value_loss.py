"""The critic's regression, for estimators that need values."""

from __future__ import annotations

import flax.struct
import jax
import jax.numpy as jnp

from entropy_rl.ops import schedules
from entropy_rl.types import Array


@flax.struct.dataclass
class ClippedValueLoss:
    """Squared distance from the returns, held once a value has moved far from what it was at the rollout.

        loss_t = coefficient / 2 * max((V - R)^2, (clip(V, V_old - epsilon, V_old + epsilon) - R)^2)

    Source: Schulman et al. 2017, https://arxiv.org/abs/1707.06347, as in its public implementations.
    Slot: value_loss of PolicyLoss, with advantages that need a critic.
    Entropy: none directly; better values mean smaller advantages, which spend less of it.

    Gradient with respect to V_t: coefficient (V - R), and 0 where the clipped distance is the larger one, which is
    where V left the band away from R.
    """

    coefficient: float = 1.0
    epsilon: float = 0.2  # unit of the returns

    def __call__(self, values: Array, old_values: Array, returns: Array) -> Array:
        """[B, T] loss per token, to be weighed by the aggregation like any other.

        Args:
          values: [B, T], of the critic in training; carries the gradient.
          old_values: [B, T], of the critic at the rollout.
          returns: [B, T], of advantages/gae.py.
        """
        free = (values - returns) ** 2
        held = (jnp.clip(values, old_values - self.epsilon, old_values + self.epsilon) - returns) ** 2
        # Selected rather than max(): the same value, and at a tie the whole gradient instead of half of it.
        return 0.5 * self.coefficient * jnp.where(held > free, jax.lax.stop_gradient(held), free)

    def validate(self) -> None:
        schedules.check(self, "coefficient", 0.0, remedy="0 leaves the critic untrained, 1 is usual")
        schedules.check(self, "epsilon", 0.0, remedy="0.2 is usual, infinity switches the clip off", open_low=True)
