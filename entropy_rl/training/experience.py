"""From a judged rollout to what the update reads, and its cut into mini-batches."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from entropy_rl.ops import partition
from entropy_rl.parallel import sharding
from entropy_rl.parallel.rows import beside, local_rows, settled
from entropy_rl.problem import Problem, Task, Verdict
from entropy_rl.rollout.sampling import Purpose
from entropy_rl.tasks.mixture import PART
from entropy_rl.types import Array, Experience, Rollout


def rewards_of(verdicts: Sequence[Verdict]) -> np.ndarray:
    """[B] float32 scores; NaN where the verifier could not tell: the row is left out of its group's baseline."""
    return np.asarray([np.nan if verdict.undecided else verdict.score for verdict in verdicts], np.float32)


def build_experience(
    rollout: Rollout,
    rewards: np.ndarray,
    correct: np.ndarray,
    estimator: Callable[..., Array],
    requires: frozenset[str],
    task: Task,
    values: Array | None = None,
    problems: Sequence[Problem] = (),
) -> Experience:
    """Gives each response token its advantage, and the loss the optional fields that its methods require.

    Args:
      rollout: B rows.
      rewards: [B] float32, NaN where undecided; on several processes their own rows, as of `correct`.
      correct: [B] bool, raw accuracy.
      estimator: of advantages/.
      requires: names of optional Experience fields; reference and proxy log-probs are added later, by mini-batch.
      task: labels tokens.
      values: [B, T] of the critic, for an estimator that needs one (it then gives advantages and returns).
      problems: [P] of the prompts, if `parts` are required; on several processes their own.
    """
    group_size = rollout.responses.shape[0] // rollout.prompts.shape[0]
    optional: dict[str, Any] = {}
    if "roles" in requires:
        labels = [task.roles(row) for row in local_rows(rollout.responses).tolist()]
        optional["roles"] = beside(rollout.responses, np.asarray(labels, np.int32))
    if "parts" in requires:
        parts = [problem.metadata[PART] for problem in problems]
        optional["parts"] = beside(rollout.responses, np.repeat(np.asarray(parts, np.int32), group_size))
    if "rollout_logprobs" in requires:
        optional["rollout_logprobs"] = rollout.logprobs
    if values is None:
        advantages = settled(
            _estimated(estimator, group_size, beside(rollout.responses, rewards), rollout.response_mask)
        )
    else:
        scores = beside(rollout.responses, rewards)
        advantages, returns = settled(_estimated(estimator, group_size, scores, rollout.response_mask, values))
        optional |= {"values": values, "returns": returns}
    return Experience(
        prompts=rollout.prompts,
        prompt_mask=rollout.prompt_mask,
        responses=rollout.responses,
        response_mask=rollout.response_mask,
        advantages=advantages,
        old_logprobs=rollout.logprobs,
        temperature=rollout.temperature,
        sample_ids=rollout.sample_ids,
        policy_version=rollout.policy_version,
        old_entropies=rollout.entropies,
        correct=beside(rollout.responses, correct),
        **optional,
    )


def _estimated(estimator: Callable[..., Any], group_size: int, *arrays: Array) -> Any:
    """What the estimator gives: in one program, unless it is a function of the user's own, which runs as it is."""
    if all(isinstance(leaf, int | float | jax.Array) for leaf in jax.tree.leaves(estimator)):
        return _compiled_estimate(estimator, *arrays, group_size=group_size)
    return estimator(*arrays[:2], group_size, *arrays[2:])


@functools.partial(jax.jit, static_argnames="group_size")
def _compiled_estimate(estimator: Any, rewards: Array, mask: Array, *values: Array, group_size: int) -> Any:
    return estimator(rewards, mask, group_size, *values)


def mini_batches(experience: Experience, count: int, epochs: int, seed: int, step: int) -> Iterator[Experience]:
    """Whole groups in an order that is a pure function of (seed, step, epoch)."""
    prompts = experience.prompts.shape[0]
    take = taking(_mesh_of(experience.prompts), prompts // count)
    for order in orders(prompts, epochs, seed, step):
        for chosen in order.reshape(count, -1):
            yield settled(take(experience, chosen))


def orders(prompts: int, epochs: int, seed: int, step: int) -> np.ndarray:
    """[epochs, P] int32: the prompts of each epoch's mini-batches, one after the other."""
    permuted = [
        np.random.default_rng((seed, Purpose.MINI_BATCHES, step, epoch)).permutation(prompts) for epoch in range(epochs)
    ]
    return np.stack(permuted).astype(np.int32)


def _mesh_of(array: Array) -> Mesh | None:
    mesh = getattr(array.sharding, "mesh", None)
    return mesh if isinstance(mesh, Mesh) else None


@functools.cache
def taking(mesh: Mesh | None, prompts: int) -> Callable[[Experience, Any], Experience]:
    """The program that takes the groups of `prompts` prompts by their numbers, in that order, off an experience.

    What it gives lies by rows by name: on one device the compiler would call it something else, and an update that was
    compiled ahead would not be found again.
    """
    return jax.jit(_take_groups, out_shardings=None if mesh is None else sharding.rows(mesh, prompts))


def _take_groups(experience: Experience, chosen: Array) -> Experience:
    prompts = experience.prompts.shape[0]

    def take(array: Array) -> Array:
        grouped = array.reshape(prompts, -1, *array.shape[1:])[chosen]  # [P', n, ...]
        return grouped.reshape(-1, *array.shape[1:])

    return jax.tree.map(lambda array: partition.by_rows(take(array)), experience)
