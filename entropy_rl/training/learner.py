"""The learner's state on a mesh: made, or restored, where its shardings say."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from entropy_rl.ops.optimizer import AdamW
from entropy_rl.parallel import sharding
from entropy_rl.types import Params, Policy, TrainState


@dataclasses.dataclass(frozen=True)
class Placement:
    """Where a learner's state lives.

    Attributes:
      mesh: of devices.
      params: shapes of the parameters, each with its sharding.
      state: shapes of the whole state, each with its sharding.
    """

    mesh: Mesh
    params: Any
    state: Any

    @property
    def state_shardings(self) -> Any:
        """A tree like the state, of shardings alone."""
        return jax.tree.map(lambda leaf: leaf.sharding, self.state)

    @property
    def replicated(self) -> NamedSharding:
        """Whole on every device."""
        return NamedSharding(self.mesh, PartitionSpec())


def place(mesh: Mesh, policy: Policy, optimizer: AdamW, with_reference: bool) -> Placement:
    """Shapes and shardings of the state of a policy; computes no parameter."""
    shapes = jax.eval_shape(policy.init, jax.random.key(0))
    shardings = sharding.parameter_shardings(mesh, policy.logical_axes(), shapes)
    params = _with_shardings(shapes, shardings)
    state = jax.eval_shape(lambda p: new_state(p, optimizer, with_reference), shapes)
    return Placement(mesh, params, _with_shardings(state, sharding.state_shardings(mesh, params, state)))


def new_state(params: Params, optimizer: AdamW, with_reference: bool) -> TrainState:
    """A learner that has taken no step; its reference policy, if wanted, is a copy of its parameters."""
    reference = jax.tree.map(jnp.copy, params) if with_reference else None
    return TrainState(jnp.int32(0), params, optimizer.transform().init(params), reference=reference)


def initialise(
    placement: Placement, optimizer: AdamW, make_params: Callable[[], Params], with_reference: bool
) -> TrainState:
    """The first state, every array made on or moved to its devices."""
    params = jax.device_put(make_params(), jax.tree.map(lambda leaf: leaf.sharding, placement.params))
    make = jax.jit(lambda p: new_state(p, optimizer, with_reference), out_shardings=placement.state_shardings)
    return make(params)


def _with_shardings(shapes: Any, shardings: Any) -> Any:
    place_leaf = lambda leaf, where: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=where)  # noqa: E731
    return jax.tree.map(place_leaf, shapes, shardings)
