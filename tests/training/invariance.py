"""Five updates on the same rollouts, however the machine is cut up. Run as a script on eight forced CPU devices.

Prints, for each cut (with the argument `critic`: of a loss with a value head), ||difference|| / ||parameters|| against
one device and one micro-batch, and how many tokens were selected otherwise.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from entropy_rl.controls.clip_cov import ClipCov
from entropy_rl.controls.entropy_bonus import EntropyBonus
from entropy_rl.controls.entropy_discriminator import VocabularyDiscriminator
from entropy_rl.controls.kl_cov import KlCov
from entropy_rl.controls.siren import Siren
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.losses.unclipped import UnclippedSurrogate
from entropy_rl.losses.value_loss import ClippedValueLoss
from entropy_rl.ops.optimizer import AdamW
from entropy_rl.parallel import sharding
from entropy_rl.parallel.mesh import MeshShape, make_mesh
from entropy_rl.training import learner, length_buckets
from entropy_rl.training import update as updating
from entropy_rl.types import Experience
from tests.policies import TINY, example_experience, tiny_params

STEPS, PROMPTS = 5, 64
CLIP_COV, KL_COV = ClipCov(fraction=0.02, max_fraction=0.04, omega_low=0.3), KlCov(fraction=0.03)
LOSSES = {
    "both": PolicyLoss(ClippedSurrogate(), gates=(CLIP_COV,), penalties=(KL_COV, EntropyBonus(0.01))),
    "plain": PolicyLoss(ClippedSurrogate()),
    "whole distributions": PolicyLoss(
        ClippedSurrogate(),
        gates=(VocabularyDiscriminator(mu=0.5, fraction=0.03, max_fraction=0.04),),
        penalties=(Siren(anchor=0.5, coefficient=0.1),),
    ),
    "old": PolicyLoss(UnclippedSurrogate(), gates=(CLIP_COV,), penalties=(KL_COV,), covariance_logprobs="old"),
}
CRITIC = PolicyLoss(ClippedSurrogate(), gates=(CLIP_COV,), value_loss=ClippedValueLoss(coefficient=0.5))
MESHES = {"1": MeshShape(1, 1, 1), "8x1x1": MeshShape(8, 1, 1), "2x2x2": MeshShape(2, 2, 2)}
ONE_WIDTH = [(mesh, micro_batches, 1) for mesh in MESHES for micro_batches in (1, 2, 8)][1:]
CUTS = [*ONE_WIDTH, ("1", 2, 3), ("8x1x1", 1, 3), ("2x2x2", 2, 2)]  # mesh, micro-batches, buckets
CRITIC_CUTS = [("1", 8, 1), ("8x1x1", 1, 1), ("2x2x2", 2, 3)]
SMALLEST_PIECE = 64  # tokens: several micro-batches of each width


@functools.cache
def batch(version: int) -> Experience:
    """Rollouts of a step; those of version 0 are on-policy in the first update."""
    experience = example_experience(prompts=PROMPTS, group=2, seed=version)
    rng = np.random.default_rng(version)
    values, returns = (jnp.asarray(rng.normal(size=experience.advantages.shape), jnp.float32) for _ in range(2))
    version_b = jnp.full(PROMPTS * 2, version, jnp.int32)
    return dataclasses.replace(experience, policy_version=version_b, values=values, returns=returns)


def updated(
    loss: PolicyLoss, shape: MeshShape, micro_batches: int, buckets: int = 1, steps: int = STEPS
) -> tuple[Any, list[np.ndarray]]:
    """Parameters, and those of a critic, after the updates; and the tokens selected before each."""
    mesh = make_mesh(shape, jax.devices()[: int(np.prod([shape.data, shape.fsdp, shape.tensor]))])
    optimizer = AdamW(learning_rate=1e-2)
    placement = learner.place(mesh, TINY, optimizer, False, with_critic=loss.value_loss is not None)
    state = learner.initialise(
        placement, optimizer, lambda: jax.tree.map(jnp.copy, tiny_params()), with_reference=False
    )
    step = updating.compiled_update(TINY, micro_batches, placement.state_shardings, buckets)
    chosen, selected = jax.jit(functools.partial(selection, loss=loss)), []
    for number in range(steps):
        experience = jax.device_put(batch(number % 2), sharding.rows(mesh))
        key = jax.random.fold_in(jax.random.key(0), number)
        with jax.set_mesh(mesh):
            selected.append(np.asarray(chosen(state.params, experience, state.step, key)))
            state, _ = step(state, experience, loss, optimizer, key)
    return jax.device_get(learner.trained(state)), selected


def selection(params: Any, experience: Experience, step: Any, key: Any, loss: PolicyLoss) -> Any:
    """[B, T] what the gates close and the penalties pick."""
    stats = updating.token_stats(params, experience, policy=TINY, step=step)
    plan = loss.plan(stats, key)
    return jnp.stack([*(gate == 0 for gate in plan.gates), *(picked > 0 for picked in plan.selected)])


def difference(one: Any, other: Any) -> float:
    """Norm of the difference over the norm."""
    pairs = [
        (np.asarray(a, np.float64), np.asarray(b, np.float64))
        for a, b in zip(*map(jax.tree.leaves, (one, other)), strict=True)
    ]
    apart = sum(float(np.sum((a - b) ** 2)) for a, b in pairs)
    return (apart / sum(float(np.sum(a**2)) for a, _ in pairs)) ** 0.5


def main() -> None:
    rows, critic = [], sys.argv[1:] == ["critic"]
    loss, cuts = (CRITIC, CRITIC_CUTS) if critic else (LOSSES["both"], CUTS)
    exact, picked = updated(loss, MESHES["1"], 1)
    length_buckets.SMALLEST_PIECE = SMALLEST_PIECE
    for mesh, micro_batches, buckets in cuts:
        params, again = updated(loss, MESHES[mesh], micro_batches, buckets)
        otherwise = sum(int((a != b).sum()) for a, b in zip(picked, again, strict=True))
        selected = sum(int(a.sum()) for a in picked)
        rows.append([mesh, micro_batches, buckets, difference(exact, params), selected, otherwise])
    sys.stdout.write(json.dumps(rows) + "\n")


if __name__ == "__main__":
    main()
