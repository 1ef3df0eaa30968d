"""What entropy would do if a number of the loss were larger: the gain of an actuator, computed instead of learned.

    gain_c = d H(theta'(c)) / dc = < grad H(theta'), d theta' / dc >,   theta' = the optimiser's step on loss(theta; c)

H is the mean entropy at temperature 1 at the states of a mini-batch, theta' the parameters after one optimiser step on
it. The second factor is a forward derivative of the whole step, Adam and the clip of the gradient's norm included,
along each number; the first one backward pass. With momentum, a number that is raised for good moves the first step by
1 - beta1 of what it moves later ones; what is computed is the latter, the gain of a number that stays. Which tokens a
method selects is taken as it is: a fraction has no gain here but through weights.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from entropy_rl.config import Config
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.ops import masked, schedules
from entropy_rl.ops.optimizer import AdamW, step
from entropy_rl.parallel.rows import settled
from entropy_rl.training import experience as experiences
from entropy_rl.training import learner, ledger, memory
from entropy_rl.training.update import ROUNDING, assembled, scores
from entropy_rl.types import Array, Experience, Params, Policy, TrainState


class Gauge:
    """Measures the slopes of a run's controlled numbers, of one micro-batch's groups; makes no program before that."""

    def __init__(self, config: Config, mesh: Mesh, watch: memory.Watch) -> None:
        self._config = config
        prompts, update = config.rollout.prompts, config.update
        self._chosen = (np.arange(groups(config)) * prompts // groups(config)).astype(np.int32)
        self._steps = update.steps_per_rollout
        self._take = experiences.taking(mesh, groups(config))
        self._measure = watch.during("gains", functools.partial(sensitivities, policy=ledger.exact(config.policy)))

    def __call__(
        self, state: TrainState, experience: Experience, numbers: Mapping[str, Array], key: Array
    ) -> dict[str, Array]:
        """By name: nats/token per unit of the number and RL step; 0 for what the loss does not read."""
        part = settled(self._take(experience, self._chosen))
        slopes = self._measure(state, part, self._config.loss, self._config.optimizer, key, numbers)
        return {name: slope * self._steps for name, slope in settled(slopes).items()}


def groups(config: Config) -> int:
    """How many groups are looked at: those of one micro-batch."""
    return config.rollout.prompts // (config.update.mini_batches * config.update.micro_batches)


@functools.partial(jax.jit, static_argnames="policy")
def sensitivities(
    state: TrainState,
    experience: Experience,
    loss: PolicyLoss,
    optimizer: AdamW,
    key: Array,
    controlled: Mapping[str, Array],
    *,
    policy: Policy,
) -> dict[str, Array]:
    """Gains of the loss's controlled numbers.

    Args:
      state: of the learner; it is not donated.
      experience: one mini-batch, computed in one piece.
      loss, optimizer: as the update takes them; numbers are `schedules.Controlled`, such as
        EntropyBonus(Controlled("bonus", 0.0, 0.1)).
      key: of the mini-batch.
      controlled: what the numbers are, by name (closed_loop.loop.numbers of the state's controllers).
      policy: the model that the state belongs to.

    Returns:
      By name, nats/token at the mini-batch's states, per unit of the number and optimiser step: multiply by
      update.steps_per_rollout for an RL step. 0 for a number that the loss does not read.
    """
    steady = dataclasses.replace(optimizer, beta1=0.0)
    weights = learner.trained(state)

    plain = dataclasses.replace(experience, temperature=jnp.ones_like(experience.temperature))

    def score(weights: Params, of: Experience) -> dict[str, Array]:
        moved = learner.with_trained(state, weights)
        return scores(learner.policy_params(moved), of, policy, moved.critic, loss.requires)

    def moved(numbers: Mapping[str, Array]) -> tuple[Params, Params]:
        """Parameters after the step, and the gradient that they follow."""
        method, rule = schedules.resolve((loss, steady), state.step, numbers)

        def objective(weights: Params) -> Array:
            stats = assembled(score(weights, experience), experience, state.step)
            return method(stats, method.plan(stats, key))

        gradients = jax.grad(objective)(weights)
        return step(rule, gradients, state.opt_state, weights, jax.random.fold_in(key, ROUNDING))[0], gradients

    def entropy(weights: Params) -> Array:
        return masked.mean(score(weights, plain)["entropies"], experience.response_mask)

    numbers = {name: jnp.asarray(value, jnp.float32) for name, value in controlled.items()}
    after, gradients = moved(numbers)
    steepest = jax.grad(entropy)(after)
    gains = {}
    for name in numbers:
        unit = {other: jnp.float32(other == name) for other in numbers}
        _, (direction, _) = jax.jvp(moved, (numbers,), (unit,))
        gains[name] = jax.tree.reduce(jnp.add, jax.tree.map(_product, steepest, direction, gradients))
    return gains


def _product(steepest: Array, direction: Array, gradient: Array) -> Array:
    """Without weights that have no gradient: there Adam's root has no slope, and they do not move."""
    return jnp.sum(jnp.where(gradient == 0, 0.0, steepest.astype(jnp.float32) * direction))
