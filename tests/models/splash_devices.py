"""The splash kernel in Pallas' interpreter over eight forced CPU devices. A script; prints a line of JSON per mesh.

Each line: the mesh, and the greatest difference to exact attention on one device, of values and of gradients.
"""

from __future__ import annotations

import json
import sys

import jax
import jax.numpy as jnp
import numpy as np

from entropy_rl.models import attention
from entropy_rl.models.attention import Manner
from entropy_rl.parallel.mesh import MeshShape, make_mesh

MESHES = (MeshShape(data=2, fsdp=2, tensor=2), MeshShape(data=2, fsdp=1, tensor=4))  # 4: key heads have two copies
PROMPTS, WIDTH, GROUP, LENGTH, KV_HEADS, QUERIES, HEAD = 4, 40, 2, 20, 2, 2, 64


def main() -> None:
    rng = np.random.default_rng(0)
    draw = lambda *shape: jnp.asarray(rng.normal(size=shape), jnp.float32)  # noqa: E731
    projected = lambda *of: (draw(*of, QUERIES, HEAD), draw(*of, HEAD), draw(*of, HEAD))  # noqa: E731
    prompt, response = projected(PROMPTS, WIDTH, KV_HEADS), projected(PROMPTS * GROUP, LENGTH, KV_HEADS)
    mask = jnp.arange(WIDTH) >= jnp.asarray([0, 7, 39, 0])[:, None]

    def attended(manner, prompt, response):
        def both(prompt, response):
            of_prompts, of_responses = attention.of_prompts_and_responses(prompt, response, mask, manner)
            return jnp.where(mask[:, :, None, None, None], of_prompts, 0.0), of_responses

        values, gradients_of = jax.vjp(both, prompt, response)
        return values, gradients_of(jax.tree.map(jnp.cos, values))

    expected = jax.jit(attended, static_argnums=0)(Manner(0.2), prompt, response)
    for shape in MESHES:
        mesh = make_mesh(shape)
        with jax.set_mesh(mesh):
            found = jax.jit(attended, static_argnums=0)(Manner(0.2, implementation="splash"), prompt, response)
        apart = jax.tree.map(
            lambda one, other: float(np.abs(np.asarray(one) - np.asarray(other)).max()), expected, found
        )
        sys.stdout.write(json.dumps([dict(mesh.shape), max(jax.tree.leaves(apart))]) + "\n")


if __name__ == "__main__":
    main()
