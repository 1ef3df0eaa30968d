"""AdamW with a clipped gradient, as a pytree whose numbers are arguments of the compiled update."""

from __future__ import annotations

from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import optax

from entropy_rl.ops import rounding, schedules


@flax.struct.dataclass
class AdamW:
    """Adam with decoupled weight decay, after clipping the gradient's global norm.

    Source: Loshchilov & Hutter 2019, https://arxiv.org/abs/1711.05101

    Attributes:
      learning_rate: a number or a schedule of optimiser steps.
      weight_decay: per unit of learning rate.
      max_gradient_norm: the global norm above which the gradient is scaled down.
      moments_dtype: "float32", or "bfloat16" for half the memory: moments are then rounded at random, since the second
        one moves by a thousandth of itself, which no bfloat16 would notice.
    """

    learning_rate: Any = 3e-4
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    weight_decay: float = 0.0
    max_gradient_norm: float = 1.0
    moments_dtype: str = flax.struct.field(pytree_node=False, default="float32")

    def transform(self) -> optax.GradientTransformation:
        """The optax chain; the state's structure does not depend on the numbers. Updates are float32."""
        adamw = optax.adamw(self.learning_rate, self.beta1, self.beta2, self.epsilon, weight_decay=self.weight_decay)
        return optax.chain(
            optax.clip_by_global_norm(self.max_gradient_norm), _in_float32(adamw, jnp.dtype(self.moments_dtype))
        )

    def validate(self) -> None:
        """Raises ValueError for a number outside its range."""
        if self.moments_dtype not in ("float32", "bfloat16"):
            raise ValueError(f"moments_dtype is {self.moments_dtype!r}; choose 'float32' or 'bfloat16'")
        schedules.check(
            self, "learning_rate", 0.0, remedy="1e-6 is usual for a large model, 3e-4 for the embedded task"
        )
        for name in ("beta1", "beta2"):
            schedules.check(self, name, 0.0, 1.0 - 1e-7, "0.9 and 0.999 are usual")
        schedules.check(self, "epsilon", 0.0, remedy="1e-8 is usual", open_low=True)
        schedules.check(self, "weight_decay", 0.0, remedy="0 is none")
        schedules.check(self, "max_gradient_norm", 0.0, remedy="1e9 never clips", open_low=True)


def _in_float32(inner: optax.GradientTransformation, stored: jnp.dtype) -> optax.GradientTransformation:
    """`inner` computed in float32 whatever the parameters' type, its moments kept in `stored`."""
    wide = lambda tree: jax.tree.map(_wide, tree)  # noqa: E731

    def init(params: Any) -> Any:
        moments = lambda leaf: leaf.astype(stored) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf  # noqa: E731
        return jax.tree.map(moments, inner.init(wide(params)))

    def update(updates: Any, state: Any, params: Any = None) -> tuple[Any, Any]:
        moved, new_state = inner.update(wide(updates), wide(state), wide(params))
        counts = (leaf for leaf in jax.tree.leaves(new_state) if jnp.issubdtype(leaf.dtype, jnp.integer))
        key = jax.random.fold_in(jax.random.key(0), next(counts))  # so that the same step draws the same noise
        return moved, rounding.cast_like(new_state, state, key)

    return optax.GradientTransformation(init, update)


def _wide(leaf: Any) -> Any:
    return leaf.astype(jnp.float32) if jnp.issubdtype(leaf.dtype, jnp.floating) else leaf
