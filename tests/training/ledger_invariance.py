"""An entry in the ledger, however the machine is cut up. Run as a script on eight forced CPU devices.

Prints, for each cut, the largest difference of a figure from that of one device and one micro-batch, relative to the
largest of its kind, and the figures that one of them lacks.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from entropy_rl.config import Config, RolloutConfig
from entropy_rl.controls.clip_cov import ClipCov
from entropy_rl.controls.kl_cov import KlCov
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.ops.optimizer import AdamW
from entropy_rl.parallel import sharding
from entropy_rl.parallel.mesh import MeshShape, make_mesh
from entropy_rl.phases import Ledger, UpdateConfig
from entropy_rl.training import experience as experiences
from entropy_rl.training import learner, ledger
from entropy_rl.training import update as updating
from tests.policies import TINY, example_experience, tiny_params

PROMPTS, GROUP = 32, 2
LOSS = PolicyLoss(
    ClippedSurrogate(), gates=(ClipCov(fraction=0.05, max_fraction=0.1, omega_low=0.0),), penalties=(KlCov(0.1),)
)
ONE = (MeshShape(1, 1, 1), 1, 1)
CUTS = {  # mesh, micro-batches, buckets, rows that are looked at
    "8x1x1, two micro-batches": (MeshShape(8, 1, 1), 2, 1, 0),
    "2x2x2, two widths": (MeshShape(2, 2, 2), 1, 2, 16),
}
EXACT = 1e-4  # float32 sums in another order, of steps that moved logits by some hundredths


class Unwatched:
    """In the place of `memory.Watch`."""

    def during(self, phase: str, call: Any) -> Any:
        del phase
        return call


def config(micro_batches: int, buckets: int, rows: int) -> Config:
    return Config(
        policy=TINY,
        loss=LOSS,
        optimizer=AdamW(learning_rate=1e-3),
        rollout=RolloutConfig(prompts=PROMPTS, responses=GROUP),
        update=UpdateConfig(mini_batches=2, epochs=2, micro_batches=micro_batches, buckets=buckets),
        ledger=Ledger(every=1, rows=rows),
    )


def batch() -> Any:
    experience = example_experience(prompts=PROMPTS, group=GROUP)
    roles = np.random.default_rng(0).integers(0, 3, experience.responses.shape)
    return dataclasses.replace(experience, roles=jnp.asarray(roles, jnp.int32))


def entry(shape: MeshShape, micro_batches: int, buckets: int, rows: int) -> dict[str, float]:
    """Of one step: two epochs of two mini-batches."""
    run = config(micro_batches, buckets, rows)
    mesh = make_mesh(shape, jax.devices()[: shape.data * shape.fsdp * shape.tensor])
    placement = learner.place(mesh, TINY, run.optimizer, False)
    state = learner.initialise(placement, run.optimizer, lambda: jax.tree.map(jnp.copy, tiny_params()), False)
    keeper = ledger.Keeper(run, placement, Unwatched())  # pyright: ignore[reportArgumentType]
    update = updating.compiled_update(TINY, micro_batches, placement.state_shardings, buckets, True)
    experience = jax.device_put(batch(), sharding.rows(mesh))
    with jax.set_mesh(mesh):
        account = keeper.open(state)
        for number, part in enumerate(experiences.mini_batches(experience, 2, 2, run.seed, 1)):
            key = jax.random.fold_in(jax.random.key(0), number)
            state, figures = update(state, part, LOSS, run.optimizer, key)
            account.marks.append(figures[updating.MARKS])
        return keeper.close(account, state, experience, 1)


def apart(exact: dict[str, float], found: dict[str, float]) -> float:
    """The largest difference; parts are held against the sum of their sizes."""
    size = sum(abs(value) for name, value in exact.items() if name.startswith("ledger/part/"))
    small = ("part", "change", "first_order", "residual", "at_selected")
    scale = lambda name, value: size if name.split("/")[1] in small else max(abs(value), 1.0)  # noqa: E731
    return max(abs(found[name] - value) / scale(name, value) for name, value in exact.items() if name in found)


def main() -> None:
    rows = []
    for name, (shape, micro_batches, buckets, looked_at) in CUTS.items():
        exact, found = entry(*ONE, looked_at), entry(shape, micro_batches, buckets, looked_at)
        rows.append([name, apart(exact, found), sorted(exact.keys() ^ found.keys())])
    sys.stdout.write(json.dumps(rows) + "\n")


if __name__ == "__main__":
    main()
