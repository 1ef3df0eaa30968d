"""Parts of a config that only make sense together."""

from __future__ import annotations

import collections
from typing import TYPE_CHECKING

import jax

from entropy_rl.closed_loop.loop import EntropyLoop, OfTask
from entropy_rl.closed_loop.targets import Budget
from entropy_rl.controls.task_bonus import TaskBonus
from entropy_rl.ops.schedules import Controlled, controlled_in
from entropy_rl.problem import Refinable
from entropy_rl.references import ResetReference
from entropy_rl.rewards.reward import GroupReward
from entropy_rl.tasks.mixture import labels_of

if TYPE_CHECKING:
    from entropy_rl.config import Config


def check_learner(config: Config) -> None:
    """Critic and value loss, reset and leash, anchors and reference, what takes the place of responses.

    Raises:
      ValueError: that names what is missing and the remedy.
    """
    if config.with_critic != (config.loss.value_loss is not None):
        raise ValueError(
            f"advantages are {type(config.advantages).__name__} and loss.value_loss is {config.loss.value_loss!r}; "
            "use Gae and ClippedValueLoss together, or neither"
        )
    if isinstance(config.reference, ResetReference):
        if "reference_logprobs" not in config.loss.requires:
            raise ValueError("reference is ResetReference, but no method of the loss reads it; add ReferenceKl")
        if config.reference.plateau and not config.evaluation.every:
            raise ValueError("reference.plateau counts evaluations, but evaluation.every is 0; set it")
    anchors = getattr(config.reward, "anchors", 0)
    if anchors and config.reference is None:
        raise ValueError(f"reward.anchors is {anchors}, but there is no reference to ask; set reference=EmaReference()")
    _check_refinement(config)
    _check_tempering(config)
    _check_parts(config)


def _check_parts(config: Config) -> None:
    labels = labels_of(config.task)
    if "parts" in config.loss.requires and not labels:
        raise ValueError(
            f"the loss tells tasks apart, and {type(config.task).__name__} is one alone; train on a Mixture, or use "
            "EntropyBonus for TaskBonus"
        )
    is_one = lambda node: isinstance(node, TaskBonus)  # noqa: E731
    for method in filter(is_one, jax.tree.leaves(config.loss, is_leaf=is_one)):
        if len(method.coefficients) != len(labels):
            raise ValueError(
                f"TaskBonus has {len(method.coefficients)} coefficients, and the mixture the tasks "
                f"{', '.join(labels)}; give one for each, in this order"
            )


def _check_refinement(config: Config) -> None:
    if ("off_policy" in config.loss.requires) != (config.refinement is not None):
        raise ValueError(
            f"refinement is {config.refinement!r} with the surrogate {type(config.loss.surrogate).__name__}; "
            "use Refinement and RefinementShaping together, or neither"
        )
    if config.refinement is None:
        return
    if not isinstance(config.task, Refinable):
        raise ValueError(f"{type(config.task).__name__} has no refinement_prompt; add one, or drop the refinement")
    if config.sampling is not None:
        raise ValueError(
            "refinement helps groups that are all wrong, which sampling takes out of the batch; set one of them to None"
        )
    if isinstance(config.reward, GroupReward) or config.with_critic:
        raise ValueError("a refinement is judged alone and has no values; use a single reward and no critic")


def _check_tempering(config: Config) -> None:
    if config.tempering is None:
        return
    if config.refinement is not None:
        raise ValueError("tempering and refinement both take the places of responses; set one of them to None")
    if config.tempering.prompts > config.rollout.prompts:
        raise ValueError(
            f"tempering.prompts is {config.tempering.prompts}, but a step has rollout.prompts = "
            f"{config.rollout.prompts}; lower it"
        )
    asks = getattr(config.reward, "anchors", 0) or getattr(config.reward, "requires", ())
    if isinstance(config.reward, GroupReward) or asks or config.with_critic:
        raise ValueError("a tempered answer is judged alone and has no values; use a single reward and no critic")
    if config.tempering.temperature == config.rollout.temperature:
        raise ValueError(
            f"tempering.temperature is {config.tempering.temperature}, that of the rollouts; choose another"
        )


def check_loops(config: Config) -> None:
    """Closed loops, and the numbers that they set: every `Controlled` has one loop, and every actuator a place.

    Raises:
      ValueError: that names the loop or the number, and the remedy.
    """
    if not isinstance(config.closed_loop, tuple):
        raise ValueError(f"closed_loop is {config.closed_loop!r}; write a tuple: closed_loop=(EntropyLoop(...),)")
    for loop in config.closed_loop:
        if not isinstance(loop, EntropyLoop):
            raise ValueError(f"closed_loop holds {loop!r}, which is no EntropyLoop")
        loop.validate()
    _check_names(config.closed_loop)
    every = _placed(config)
    placed = {one.name: one for one in every}
    moved = {one.name: one for loop in config.closed_loop for one in loop.actuators}
    for name in sorted(placed.keys() - moved.keys()):
        raise ValueError(
            f"{name!r} is Controlled, but no loop moves it; add it to the actuators of an EntropyLoop in closed_loop"
        )
    for name in sorted(moved.keys() - placed.keys()):
        raise ValueError(
            f"closed_loop moves {name!r}, which stands nowhere in loss, advantages, rollout.temperature or tempering; "
            "put the same Controlled in the place of the number that it should set"
        )
    for there in every:
        if moved[there.name] != there:
            raise ValueError(
                f"Controlled {there.name!r} is {moved[there.name]!r} in closed_loop and {there!r} where it stands; use "
                "one value"
            )
    _check_budgets(config)
    known = labels_of(config.task)
    for loop in config.closed_loop:
        if known and isinstance(loop.measured, OfTask) and loop.measured.label not in known:
            raise ValueError(
                f"closed loop {loop.name!r} reads the task {loop.measured.label!r}; the mixture has {', '.join(known)}"
            )
    if controlled_in(config.optimizer):
        raise ValueError("optimizer holds a Controlled number; the learning rate moves everything: use a schedule")


def _check_budgets(config: Config) -> None:
    budgets = [loop for loop in config.closed_loop if isinstance(loop.target, Budget)]
    if budgets and not config.evaluation.every:
        name = budgets[0].name
        raise ValueError(
            f"closed loop {name!r} has a Budget, which waits for forecasts, but evaluation.every is 0; set it"
        )
    if budgets and config.rollout.temperature != 1.0:
        raise ValueError(
            f"closed loop {budgets[0].name!r} has a Budget and rollout.temperature is {config.rollout.temperature!r}; "
            "the forecast would read another entropy than the loop: use temperature 1, or another target"
        )


def _placed(config: Config) -> list[Controlled]:
    tempered = () if config.tempering is None else config.tempering.temperature
    return controlled_in((config.loss, config.advantages, config.rollout.temperature, tempered))


def _check_names(loops: tuple[EntropyLoop, ...]) -> None:
    names = [loop.name for loop in loops] + [one.name for loop in loops for one in loop.actuators]
    for name, count in collections.Counter(names).items():
        if count > 1:
            raise ValueError(
                f"closed_loop uses the name {name!r} {count} times; loops and actuators each need their own"
            )
        if "/" in name:
            raise ValueError(f"closed_loop uses the name {name!r}; names are parts of metrics and have no '/'")
