"""The learner's state on a mesh: made, or restored, where its shardings say."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from entropy_rl.ops import schedules
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
      rollout_params: shapes of the parameters as rollouts read them: in the compute type, whole along "embed".
    """

    mesh: Mesh
    params: Any
    state: Any
    rollout_params: Any

    @property
    def state_shardings(self) -> Any:
        """A tree like the state, of shardings alone."""
        return jax.tree.map(lambda leaf: leaf.sharding, self.state)


def place(mesh: Mesh, policy: Policy, optimizer: AdamW, with_reference: bool, with_critic: bool = False) -> Placement:
    """Shapes and shardings of the state of a policy; computes no parameter."""
    shapes = jax.eval_shape(policy.init, jax.random.key(0))
    shardings = sharding.parameter_shardings(mesh, policy.logical_axes(), shapes)
    params = _with_shardings(shapes, shardings)
    width = critic_width(policy, shapes) if with_critic else 0
    state = jax.eval_shape(lambda p: new_state(p, optimizer, with_reference, width), shapes)
    placed = _with_shardings(state, sharding.state_shardings(mesh, params, state))
    return Placement(mesh, params, placed, _rollout_params(mesh, policy, shapes))


def _rollout_params(mesh: Mesh, policy: Policy, shapes: Any) -> Any:
    where = sharding.parameter_shardings(mesh, policy.logical_axes(), shapes, sharding.ROLLOUT_RULES)
    cast = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, policy.dtype), shapes)
    return _with_shardings(cast, where)


def compiled_publish(placement: Placement) -> Callable[[Params], Params]:
    """Parameters as rollouts read them, cast and resharded by one program; the given ones stay as they are."""
    dtypes = jax.tree.map(lambda leaf: leaf.dtype, placement.rollout_params)
    shardings = jax.tree.map(lambda leaf: leaf.sharding, placement.rollout_params)
    cast = lambda params: jax.tree.map(lambda leaf, dtype: leaf.astype(dtype), params, dtypes)  # noqa: E731
    return jax.jit(cast, out_shardings=shardings)


def new_state(params: Params, optimizer: AdamW, with_reference: bool, critic_width: int = 0) -> TrainState:
    """A learner that has taken no step; its reference policy, if wanted, is a copy of its parameters.

    Args:
      critic_width: D of the value head, which starts at value 0 everywhere; 0 for none.
    """
    reference = jax.tree.map(jnp.copy, params) if with_reference else None
    critic = {"kernel": jnp.zeros(critic_width), "bias": jnp.zeros(())} if critic_width else None
    state = TrainState(jnp.int32(0), params, None, reference=reference, critic=critic)
    optimizer = schedules.resolve(optimizer, state.step)
    return dataclasses.replace(state, opt_state=optimizer.transform().init(trained(state)))


def trained(state: TrainState) -> Any:
    """What the optimiser moves: the parameters, and the value head beside them where there is one."""
    return state.params if state.critic is None else {"params": state.params, "critic": state.critic}


def with_trained(state: TrainState, moved: Any) -> TrainState:
    """The state with what `trained` gave replaced."""
    if state.critic is None:
        return dataclasses.replace(state, params=moved)
    return dataclasses.replace(state, params=moved["params"], critic=moved["critic"])


def critic_width(policy: Policy, params: Params) -> int:
    """D, the width of the hidden states that the head reads; `params` may be shapes."""
    return jax.eval_shape(policy.head, params).shape[-1]


def initialise(
    placement: Placement, optimizer: AdamW, make_params: Callable[[], Params], with_reference: bool
) -> TrainState:
    """The first state, every array made on or moved to its devices; it has a critic if the placement has."""
    params = jax.device_put(make_params(), jax.tree.map(lambda leaf: leaf.sharding, placement.params))
    width = 0 if placement.state.critic is None else placement.state.critic["kernel"].shape[0]
    make = jax.jit(lambda p: new_state(p, optimizer, with_reference, width), out_shardings=placement.state_shardings)
    return make(params)


def _with_shardings(shapes: Any, shardings: Any) -> Any:
    place_leaf = lambda leaf, where: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=where)  # noqa: E731
    return jax.tree.map(place_leaf, shapes, shardings)
