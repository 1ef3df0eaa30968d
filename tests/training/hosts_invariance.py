"""Five updates on the same rollouts by one process or several. Saves the parameters of each mesh as FOLDER/MESH.npz.

Run:  python -m tests.training.hosts_invariance FOLDER MESH,... [ADDRESS PROCESSES PROCESS]
"""

from __future__ import annotations

import pathlib
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils

from entropy_rl.ops.optimizer import AdamW
from entropy_rl.parallel import distributed, rows
from entropy_rl.parallel.mesh import MeshShape, make_mesh
from entropy_rl.training import learner
from entropy_rl.training import update as updating
from entropy_rl.training.experience import mini_batches
from tests.policies import TINY, tiny_params
from tests.training.invariance import LOSSES, batch

MINI_BATCHES, STEPS = 2, 5
MICRO_BATCHES = 2


def updated(shape: MeshShape) -> dict[str, np.ndarray]:
    """Parameters by their path, after updates on mini-batches drawn from a whole rollout."""
    mesh, loss, optimizer = make_mesh(shape), LOSSES["both"], AdamW(learning_rate=1e-2)
    with jax.set_mesh(mesh):
        placement = learner.place(mesh, TINY, optimizer, False)
        state = learner.initialise(placement, optimizer, lambda: jax.tree.map(jnp.copy, tiny_params()), False)
        step = updating.compiled_update(TINY, MICRO_BATCHES, placement.state_shardings)
        done = 0
        for version in range(STEPS):
            experience = rows.from_local_rows(mesh, jax.tree.map(lambda x: _own(mesh, x), batch(version)))
            for mini_batch in mini_batches(experience, MINI_BATCHES, 1, 0, version):
                if done < STEPS:
                    key = jax.random.fold_in(jax.random.key(0), done)
                    state, _ = rows.settled(step(state, mini_batch, loss, optimizer, key))
                    done += 1
    whole = multihost_utils.process_allgather(state.params, tiled=True)
    return {jax.tree_util.keystr(path): np.asarray(x) for path, x in jax.tree_util.tree_flatten_with_path(whole)[0]}


def _own(mesh: Any, array: Any) -> np.ndarray:
    return np.asarray(array)[rows.own_rows(mesh, array.shape[0])]


def main(folder: str, meshes: str, address: str = "", processes: str = "0", process: str = "-1") -> None:
    with distributed.joined(distributed.Hosts(address, int(processes), int(process))):
        for mesh in meshes.split(","):
            shape = MeshShape(*map(int, mesh.split("x")))
            found = updated(shape)
            if jax.process_index() == 0:
                np.savez(pathlib.Path(folder) / f"{mesh}.npz", **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
