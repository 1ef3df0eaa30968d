"""AdamW with a clipped gradient, as a pytree whose numbers are arguments of the compiled update."""

from __future__ import annotations

from typing import Any

import flax.struct
import jax
import jax.numpy as jnp
import optax

from entropy_rl.ops import rounding, schedules
from entropy_rl.types import Array, Params


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
        """The optax chain; the state's structure does not depend on the numbers."""
        adamw = optax.adamw(self.learning_rate, self.beta1, self.beta2, self.epsilon, weight_decay=self.weight_decay)
        return optax.chain(
            optax.clip_by_global_norm(self.max_gradient_norm), _stored_as(adamw, jnp.dtype(self.moments_dtype))
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


def step(optimizer: AdamW, gradients: Params, state: Any, params: Params, key: Array) -> tuple[Params, Any]:
    """One step: the parameters moved, and the optimiser's next state.

    Where parameters or moments are bfloat16 the arithmetic is float32. It is elementwise, rounding included, so that a
    compiler fuses it and no second copy of the parameters in float32 ever exists.

    Args:
      key: used once, to round to bfloat16.
    """
    transform = optimizer.transform()
    if all(leaf.dtype != jnp.bfloat16 for leaf in jax.tree.leaves((params, state))):
        updates, state = transform.update(gradients, state, params)
        return optax.apply_updates(params, updates), state
    wide = lambda tree: jax.tree.map(_wide, tree)  # noqa: E731
    updates, moved = transform.update(wide(gradients), wide(state), wide(params))
    for_params, for_moments = jax.random.split(key)
    return rounding.apply_updates(params, updates, for_params), rounding.cast_like(moved, state, for_moments)


def _stored_as(inner: optax.GradientTransformation, stored: jnp.dtype) -> optax.GradientTransformation:
    """`inner` with its moments kept in a type of their own; `step` alone updates them when it is bfloat16."""

    def init(params: Any) -> Any:
        return jax.tree.map(lambda leaf: leaf.astype(stored) if _is_float(leaf) else leaf, inner.init(params))

    return optax.GradientTransformation(init, inner.update)


def _is_float(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jnp.floating)


def _wide(leaf: Any) -> Any:
    return leaf.astype(jnp.float32) if _is_float(leaf) else leaf
