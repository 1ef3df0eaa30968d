"""The learner's state on a mesh: made, or restored, where its shardings say."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh

from entropy_rl.models import lora
from entropy_rl.ops import schedules
from entropy_rl.ops.optimizer import AdamW
from entropy_rl.parallel import sharding
from entropy_rl.parallel.rows import settled
from entropy_rl.types import Array, Params, Policy, TrainState


@dataclasses.dataclass(frozen=True)
class Placement:
    """Where a learner's state lives.

    Attributes:
      mesh: of devices.
      params: shapes of what is trained, each with its sharding: the policy's parameters, or its adapters alone.
      base: shapes of the policy's parameters without adapters, each with its sharding.
      state: shapes of the whole state, each with its sharding.
      rollout_params: shapes of the parameters as rollouts read them: in the compute type, whole along "embed".
    """

    mesh: Mesh
    params: Any
    base: Any
    state: Any
    rollout_params: Any

    @property
    def state_shardings(self) -> Any:
        """A tree like the state, of shardings alone."""
        return _shardings(self.state)


def place(
    mesh: Mesh, policy: Policy, optimizer: AdamW, with_reference: bool, with_critic: bool = False, controllers: Any = ()
) -> Placement:
    """Shapes and shardings of the state of a policy; computes no parameter.

    Args:
      controllers: states of closed loops before the first step.
    """
    shapes = jax.eval_shape(policy.init, jax.random.key(0))
    whole = _with_shardings(shapes, sharding.parameter_shardings(mesh, policy.logical_axes(), shapes))
    base, adapters = lora.split(whole)
    params = jax.tree.map(_in_float32, adapters) if adapters else base
    width = critic_width(policy, shapes) if with_critic else 0
    state = jax.eval_shape(lambda p: new_state(p, optimizer, with_reference, width, controllers), params)
    state = dataclasses.replace(state, frozen=base if adapters else None)
    placed = _with_shardings(state, sharding.state_shardings(mesh, whole, state))
    return Placement(mesh, params, base, placed, _rollout_params(mesh, policy, shapes))


def _rollout_params(mesh: Mesh, policy: Policy, shapes: Any) -> Any:
    where = sharding.parameter_shardings(mesh, policy.logical_axes(), shapes, sharding.ROLLOUT_RULES)
    cast = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, policy.dtype), shapes)
    return _with_shardings(cast, where)


def compiled_publish(placement: Placement) -> Callable[[Params], Params]:
    """The policy's parameters as rollouts read them, cast and resharded by one program; those given stay as they are.

    An array that is so already is passed on, not copied: it lives until the next update takes it.
    """
    structure = jax.tree.structure(placement.rollout_params)

    def publish(params: Params) -> Params:
        leaves = jax.tree.leaves(params)
        moved, program = publishing(placement, params)
        for number, leaf in zip(moved, program([leaves[n] for n in moved]) if moved else (), strict=True):
            leaves[number] = leaf
        return jax.tree.unflatten(structure, leaves)

    return publish


def publishing(placement: Placement, params: Params) -> tuple[list[int], Callable[[list[Array]], list[Array]]]:
    """Which leaves rollouts cannot read where they lie, and the program that casts and reshards these.

    Args:
      params: all of the policy's; shapes will do.
    """
    pairs = list(zip(jax.tree.leaves(params), jax.tree.leaves(placement.rollout_params), strict=True))
    moved = [number for number, (leaf, target) in enumerate(pairs) if not _is_as(leaf, target)]
    return moved, _casting(tuple((pairs[number][1].dtype, pairs[number][1].sharding) for number in moved))


@functools.cache
def _casting(targets: tuple[tuple[Any, Any], ...]) -> Callable[[list[Array]], list[Array]]:
    def cast(leaves: list[Array]) -> list[Array]:
        return [leaf.astype(dtype) for leaf, (dtype, _) in zip(leaves, targets, strict=True)]

    return jax.jit(cast, out_shardings=[where for _, where in targets])


def _is_as(leaf: Array, target: jax.ShapeDtypeStruct) -> bool:
    return leaf.dtype == target.dtype and leaf.sharding.is_equivalent_to(target.sharding, leaf.ndim)


def policy_params(state: TrainState) -> Params:
    """The parameters that the policy computes with: those that are trained, over those that are frozen."""
    return state.params if state.frozen is None else lora.join(state.frozen, state.params)


def reference_params(state: TrainState) -> Params:
    """Those of the reference policy, which shares what is frozen."""
    return state.reference if state.frozen is None else lora.join(state.frozen, state.reference)


def saved(state: TrainState) -> TrainState:
    """What a checkpoint holds: adapters without the weights under them, which the run's `init` gives again."""
    return dataclasses.replace(state, frozen=None)


def new_state(
    params: Params, optimizer: AdamW, with_reference: bool, critic_width: int = 0, controllers: Any = ()
) -> TrainState:
    """A learner that has taken no step; its reference policy, if wanted, is a copy of its parameters.

    Args:
      critic_width: D of the value head, which starts at value 0 everywhere; 0 for none.
      controllers: states of closed loops.
    """
    reference = jax.tree.map(jnp.copy, params) if with_reference else None
    critic = {"kernel": jnp.zeros(critic_width), "bias": jnp.zeros(())} if critic_width else None
    state = TrainState(jnp.int32(0), params, None, controllers, reference, critic)
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
    placement: Placement,
    optimizer: AdamW,
    make_params: Callable[[], Params],
    with_reference: bool,
    controllers: Any = (),
) -> TrainState:
    """The first state, every array made on or moved to its devices; it has a critic if the placement has.

    Args:
      make_params: gives the policy's parameters, adapters among them if it has any; they are not kept twice.
      controllers: states of closed loops, as the placement was told.
    """
    whole, frozen = make_params(), None
    if placement.state.frozen is not None:
        frozen, whole = lora.split(whole)
        frozen = jax.device_put(frozen, _shardings(placement.base))
    params = jax.device_put(whole, _shardings(placement.params))
    del whole
    width = 0 if placement.state.critic is None else placement.state.critic["kernel"].shape[0]
    make = jax.jit(
        lambda p: new_state(p, optimizer, with_reference, width, controllers),
        out_shardings=saved(placement.state_shardings),
        donate_argnums=0,
    )
    return dataclasses.replace(settled(make(params)), frozen=frozen)


def _shardings(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: leaf.sharding, tree)


def _in_float32(leaf: jax.ShapeDtypeStruct) -> jax.ShapeDtypeStruct:
    """Adapters are small: they keep all their bits whatever the weights under them do."""
    return jax.ShapeDtypeStruct(leaf.shape, jnp.float32, sharding=leaf.sharding)


def _with_shardings(shapes: Any, shardings: Any) -> Any:
    place_leaf = lambda leaf, where: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=where)  # noqa: E731
    return jax.tree.map(place_leaf, shapes, shardings)
