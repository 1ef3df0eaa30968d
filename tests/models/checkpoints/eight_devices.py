"""Loads and exports a checkpoint on eight devices, of one process or of several; a script that tests start.

    python -m tests.models.checkpoints.eight_devices FOLDER OUT DATA FSDP TENSOR [PROCESS COUNT ADDRESS]

Prints one JSON line: the bytes that this process read, and what differs from the same checkpoint on one device.
"""

from __future__ import annotations

import json
import sys

import jax
import numpy as np
from etils import epath

from entropy_rl.models import checkpoints
from entropy_rl.models.checkpoints import reading
from entropy_rl.models.checkpoints.files import Files
from entropy_rl.parallel import sharding
from entropy_rl.parallel.mesh import MeshShape, make_mesh


class Counted(Files):
    """Remembers what was read by the last one."""

    total = 0

    def __exit__(self, *details):
        Counted.total = self.bytes_read
        return super().__exit__(*details)


def main(folder: str, out: str, shape: MeshShape) -> None:
    reading.Files = Counted
    decoder = checkpoints.read_decoder(folder)
    mesh = make_mesh(shape)
    shapes = jax.eval_shape(decoder.init, jax.random.key(0))
    where = sharding.parameter_shardings(mesh, decoder.logical_axes(), shapes)
    placed = jax.tree.map(lambda leaf, at: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=at), shapes, where)
    params = checkpoints.load(folder, decoder, placed)
    read = Counted.total
    here = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    alone = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=here), shapes)
    alone = jax.tree.map(np.asarray, checkpoints.load(folder, decoder, alone))
    differing = []
    for path, leaf in jax.tree.leaves_with_path(params):
        name = "/".join(key.key for key in path)
        expected, at = alone, where
        for key in path:
            expected, at = expected[key.key], at[key.key]
        if leaf.sharding != at:
            differing.append(f"{name} lies as {leaf.sharding}")
        if any(not np.array_equal(shard.data, expected[shard.index]) for shard in leaf.addressable_shards):
            differing.append(f"{name} holds other numbers")
    checkpoints.save(params, decoder, epath.Path(out), folder, shard_bytes=9000)
    sys.stdout.write(json.dumps({"read": read, "differing": differing}) + "\n")


if __name__ == "__main__":
    source, target, *numbers = sys.argv[1:6]
    if len(sys.argv) > 6:
        process, count, address = sys.argv[6:]
        jax.distributed.initialize(address, int(count), int(process))
    main(source, target, MeshShape(*map(int, numbers)))
