"""AdamW with a clipped gradient, as a pytree whose numbers are arguments of the compiled update."""

from __future__ import annotations

from typing import Any

import flax.struct
import optax

from entropy_rl.ops import schedules


@flax.struct.dataclass
class AdamW:
    """Adam with decoupled weight decay, after clipping the gradient's global norm.

    Source: Loshchilov & Hutter 2019, https://arxiv.org/abs/1711.05101

    Attributes:
      learning_rate: a number or a schedule of optimiser steps.
      weight_decay: per unit of learning rate.
      max_gradient_norm: the global norm above which the gradient is scaled down.
    """

    learning_rate: Any = 3e-4
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0
    max_gradient_norm: float = 1.0

    def transform(self) -> optax.GradientTransformation:
        """The optax chain; the state's structure does not depend on the numbers."""
        return optax.chain(
            optax.clip_by_global_norm(self.max_gradient_norm),
            optax.adamw(self.learning_rate, self.beta1, self.beta2, self.epsilon, weight_decay=self.weight_decay),
        )

    def validate(self) -> None:
        """Raises ValueError for a number outside its range."""
        schedules.check(
            self, "learning_rate", 0.0, remedy="1e-6 is usual for a large model, 3e-4 for the embedded task"
        )
        for name in ("beta1", "beta2"):
            schedules.check(self, name, 0.0, 1.0 - 1e-7, "0.9 and 0.999 are usual")
        schedules.check(self, "epsilon", 0.0, remedy="1e-8 is usual", open_low=True)
        schedules.check(self, "weight_decay", 0.0, remedy="0 is none")
        schedules.check(self, "max_gradient_norm", 0.0, remedy="1e9 never clips", open_low=True)
