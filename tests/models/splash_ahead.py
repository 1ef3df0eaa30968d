"""The gradient of a decoder with attention in the splash kernel, compiled for a TPU slice that is not there. A script.

Prints a line of JSON for each mesh of v5e:2x4: its sizes, the kernels called, and MiB of temporaries per device.
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any

from entropy_rl.parallel import topologies

topologies.prepare()  # before anything imports JAX

import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402

from entropy_rl.models.decoder import Decoder  # noqa: E402
from entropy_rl.parallel import sharding  # noqa: E402
from entropy_rl.parallel.mesh import MeshShape, make_mesh  # noqa: E402

MESHES = (MeshShape(data=1, fsdp=4, tensor=2), MeshShape(data=2, fsdp=1, tensor=4))  # 4: key heads have two copies
PROMPTS, WIDTH, GROUP, LENGTH = 4, 200, 2, 256


def main() -> None:
    policy = Decoder(
        vocab_size=256, layers=2, width=256, heads=4, kv_heads=2, head_width=128, feed_forward=256, remat="full",
        compute_dtype="bfloat16", attention_softcap=50.0, layer_windows=(0, 128),
    )  # fmt: skip
    for shape in MESHES:
        mesh = make_mesh(shape, topologies.devices(topologies.parse("v5e:2x4")))
        params = jax.eval_shape(policy.init, jax.random.key(0))
        placed = sharding.parameter_shardings(mesh, policy.logical_axes(), params)
        params = jax.tree.map(
            lambda leaf, at: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=at), params, placed
        )
        rows = sharding.rows(mesh, PROMPTS)
        tokens = jax.ShapeDtypeStruct((PROMPTS, WIDTH), jnp.int32, sharding=rows)
        mask = jax.ShapeDtypeStruct((PROMPTS, WIDTH), jnp.bool_, sharding=rows)
        responses = jax.ShapeDtypeStruct((PROMPTS * GROUP, LENGTH), jnp.int32, sharding=rows)
        with jax.set_mesh(mesh):
            loss = lambda *arguments: jnp.square(policy.response_hidden(*arguments).astype(jnp.float32)).sum()  # noqa: E731
            compiled: Any = jax.jit(jax.grad(loss)).lower(params, tokens, mask, responses).compile()
        kernels = sorted(set(re.findall(r"splash_mha_(fwd|dq|dkv)", compiled.as_text())))
        temporaries = compiled.memory_analysis().temp_size_in_bytes / (1 << 20)
        sys.stdout.write(json.dumps([dict(mesh.shape), kernels, temporaries]) + "\n")


if __name__ == "__main__":
    main()
