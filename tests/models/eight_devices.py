"""Updates of two families of decoders and of adapters on eight forced CPU devices, however cut up. Run as a script.

Prints a line of JSON for each decoder and mesh: their names, ||difference|| / ||parameters|| against one device, the
parameters that lie whole on every device, and the collectives of the compiled update: kind, element type and shape.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import re
import sys
from typing import Any

import jax
import numpy as np

from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.models.decoder import Decoder
from entropy_rl.models.lora import Lora
from entropy_rl.ops.optimizer import AdamW
from entropy_rl.parallel import sharding
from entropy_rl.parallel.mesh import MeshShape, make_mesh
from entropy_rl.training import learner
from entropy_rl.training import update as updating
from tests.policies import example_experience

DECODERS = {
    "qwen": Decoder(
        vocab_size=88, layers=2, width=32, heads=4, kv_heads=2, head_width=12, feed_forward=48, attention_bias=True,
        qk_norm=True, remat="dots",
    ),
    "gemma": Decoder(
        vocab_size=88, layers=3, width=32, heads=4, kv_heads=2, head_width=12, feed_forward=48, tied_embeddings=True,
        qk_norm=True, norm_offset=1.0, post_norms=True, activation="gelu_tanh", embedding_multiplier=32**0.5,
        query_scale=0.3, attention_softcap=5.0, logit_softcap=3.0, layer_windows=(3, 0, 3), rope_local_theta=100.0,
    ),
}  # fmt: skip
DECODERS["adapters"] = dataclasses.replace(DECODERS["qwen"], lora=Lora(rank=3))  # trained alone, weights frozen
MESHES = {"1": (1, 1, 1), "fsdp 8": (1, 8, 1), "fsdp 4 x tensor 2": (1, 4, 2), "data 2 x fsdp 2 x tensor 2": (2, 2, 2)}
PROMPTS, GROUP, STEPS = 32, 2, 2
LOSS, OPTIMIZER = PolicyLoss(ClippedSurrogate()), AdamW(learning_rate=1e-2)
COLLECTIVE = re.compile(r"= (.*?) (all-gather|all-to-all|all-reduce|reduce-scatter)(?:-start)?\(")


@functools.cache
def start(name: str) -> Any:
    """Parameters with nothing at zero or one."""
    rng = np.random.default_rng(0)
    params = jax.jit(DECODERS[name].init)(jax.random.key(0))
    return jax.tree.map(lambda leaf: np.asarray(leaf + rng.normal(0.0, 0.2, leaf.shape), np.float32), params)


def updated(name: str, shape: tuple[int, int, int]) -> tuple[Any, Any, str]:
    """Parameters after some updates on a mesh, as they lie there; their shardings; and the compiled program's text."""
    mesh, policy = make_mesh(MeshShape(*shape), jax.devices()[: int(np.prod(shape))]), DECODERS[name]
    placement = learner.place(mesh, policy, OPTIMIZER, False)
    state = learner.initialise(placement, OPTIMIZER, lambda: start(name), with_reference=False)
    experience = jax.device_put(example_experience(prompts=PROMPTS, group=GROUP), sharding.rows(mesh))
    key = jax.random.key(1)
    with jax.set_mesh(mesh):
        step: Any = updating.compiled_update(policy, 1, placement.state_shardings)
        program = step.lower(state, experience, LOSS, OPTIMIZER, key).compile({"xla_backend_optimization_level": 0})
        for _ in range(STEPS):
            state, _ = program(state, experience, LOSS, OPTIMIZER, key)
    return jax.device_get(state.params), state.params, program.as_text()


def collectives(text: str) -> list[tuple[str, str, list[int]]]:
    """Kind, element type and shape of whatever travels between devices."""
    found = []
    for line in text.splitlines():
        match = COLLECTIVE.search(line)
        for kind, dims in re.findall(r"(\w+)\[([\d,]*)\]", match.group(1)) if match else ():
            found.append((match.group(2), kind, [int(size) for size in dims.split(",") if size]))
    return found


def difference(one: Any, other: Any) -> float:
    """Norm of the difference over the norm."""
    pairs = list(zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True))
    square = lambda a: float(np.sum(np.asarray(a, np.float64) ** 2))  # noqa: E731
    return (sum(square(a.astype(np.float64) - b) for a, b in pairs) / sum(square(a) for a, _ in pairs)) ** 0.5


def whole(params: Any) -> list[str]:
    """Names of the parameters of which every device has all."""
    leaves = jax.tree.leaves_with_path(params)
    return sorted({path[-1].key for path, leaf in leaves if leaf.sharding.is_fully_replicated})


def main() -> None:
    for name in DECODERS:
        exact, _, _ = updated(name, MESHES["1"])
        for mesh in list(MESHES)[1:]:
            values, params, text = updated(name, MESHES[mesh])
            row = [name, mesh, difference(exact, values), whole(params), collectives(text)]
            sys.stdout.write(json.dumps(row) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
