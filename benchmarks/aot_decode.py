"""What decoding costs in memory and bytes on a TPU, read off the program compiled ahead of time for one: nothing runs.

Run:  python benchmarks/aot_decode.py --topology=v5e:2x2               (needs libtpu: pip install -e '.[tpu]')
      python benchmarks/aot_decode.py --topology=v6e:2x2 --model=0.5B --storage=int8

Compiles `generate` for one device of the slice and prints, beside the caches, the memory of all temporaries; and for
every loop of the chain the bytes that a step moves between memory and cores (hlo_traffic.py) at each width of the
cache that it may read, beside the least possible: weights once, the prompts' cache once, and the live columns of the
rows' cache. The mean is over the steps of responses of full length. One table, one JSON line.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import math
import re
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

from absl import app, flags

TOPOLOGY = flags.DEFINE_string("topology", "v5e:2x2", "Of which one device is compiled for.")
MODEL = flags.DEFINE_enum("model", "1.5B", ["0.5B", "1.5B"], "Shape of Qwen2.5.")
PROMPTS = flags.DEFINE_integer("prompts", 16, "P.", lower_bound=1)
GROUP = flags.DEFINE_integer("group", 8, "G.", lower_bound=1)
PROMPT_TOKENS = flags.DEFINE_integer("prompt_tokens", 1024, "Q.", lower_bound=1)
NEW_TOKENS = flags.DEFINE_integer("new_tokens", 2048, "T.", lower_bound=1)
SLOTS = flags.DEFINE_integer("slots", 0, "Rows at a time; 0 for all.", lower_bound=0)
BUCKETS = flags.DEFINE_integer("buckets", 0, "Loops of the chain at most; 0 for the trainer's choice.", lower_bound=0)
STORAGE = flags.DEFINE_enum("storage", "auto", ["auto", "float32", "bfloat16", "int8"], "Of keys and values.")
SAVE = flags.DEFINE_bool("save", False, "Append the JSON line to benchmarks/results/aot_decode.jsonl.")
HLO = flags.DEFINE_string("hlo", "", "File for the compiled program's text.")

MODELS: dict[str, Any] = {
    "0.5B": {"layers": 24, "width": 896, "heads": 14, "kv_heads": 2, "head_width": 64, "feed_forward": 4864},
    "1.5B": {"layers": 28, "width": 1536, "heads": 12, "kv_heads": 2, "head_width": 128, "feed_forward": 8960},
}
GIB, GB = 1 << 30, 1e9


@dataclasses.dataclass(frozen=True)
class Loop:
    """One loop of the chain.

    Attributes:
      rows: that it decodes.
      own_prompts: every row has its own copy of its prompt's cache.
      moved: bytes of one step, by width of the cache that is read.
    """

    rows: int
    own_prompts: bool
    moved: dict[int, int]

    def mean(self) -> float:
        """Bytes per step over responses of full length, each step reading the first width that holds its columns."""
        steps = max(self.moved)
        return sum(self.moved[min(width for width in self.moved if width > at)] for at in range(steps)) / steps


@dataclasses.dataclass(frozen=True)
class Sizes:
    """Bytes of what a step must read."""

    weights: int
    prompt: float  # the cache of one prompt
    column: float  # one row's part of one column of the response cache, all layers

    def least(self, rows: int, prompts: int, columns: float) -> float:
        return self.weights + prompts * self.prompt + rows * columns * self.column


def main(argv: Sequence[str]) -> None:
    del argv
    from entropy_rl.parallel import topologies

    topology = topologies.parse(TOPOLOGY.value)
    topologies.prepare()  # before anything imports JAX
    device = topologies.devices(topology)[0]
    policy, lowered = _lowered(device)
    began = time.monotonic()
    compiled = lowered.compile()
    seconds = time.monotonic() - began
    text = compiled.as_text()
    if HLO.value:
        with open(HLO.value, "w") as file:
            file.write(text)
    memory = compiled.memory_analysis()
    sizes = _sizes(policy)
    caches = PROMPTS.value * sizes.prompt + _rows() * NEW_TOKENS.value * sizes.column
    found = list(_loops(text, policy))
    line = _line(found, sizes, seconds) | {
        "caches_gib": round(caches / GIB, 3),
        "temporaries_gib": round(memory.temp_size_in_bytes / GIB, 3),
        "peak_gib": round(memory.peak_memory_in_bytes / GIB, 3),
    }
    sys.stdout.write(_table(line) + "\n" + json.dumps(line) + "\n")
    if SAVE.value:
        from benchmarks import record

        with open(record.RESULTS / "aot_decode.jsonl", "a") as file:
            file.write(json.dumps(line | record.origin()) + "\n")


def _lowered(device: Any) -> tuple[Any, Any]:
    import jax
    import jax.numpy as jnp
    import numpy as np
    from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

    from entropy_rl.models.decoder import Decoder
    from entropy_rl.parallel.mesh import AXES
    from entropy_rl.rollout.generation import generate

    mesh = Mesh(np.array([device]).reshape(1, 1, 1), AXES, axis_types=(AxisType.Auto,) * 3)
    placed = NamedSharding(mesh, PartitionSpec())
    shape = lambda dims, dtype: jax.ShapeDtypeStruct(dims, dtype, sharding=placed)  # noqa: E731
    policy = Decoder(
        vocab_size=151_936, tied_embeddings=True, attention_bias=True, compute_dtype="bfloat16", **MODELS[MODEL.value]
    )
    params = jax.eval_shape(policy.init, jax.random.key(0))
    params = jax.tree.map(lambda leaf: shape(leaf.shape, jnp.bfloat16), params)
    prompts, width, number = PROMPTS.value, PROMPT_TOKENS.value, shape((), jnp.uint32)
    request = shape((prompts, width), jnp.int32), shape((prompts, width), jnp.bool_), shape((prompts,), jnp.uint32)
    with jax.set_mesh(mesh):
        lowered = generate.lower(
            params, request, number, number, number, shape((), jnp.float32), shape((), jnp.int32),
            policy=policy, group_size=GROUP.value, length=NEW_TOKENS.value, end_ids=(151_643,), pad_id=151_643,
            slots=SLOTS.value, buckets=BUCKETS.value, storage=STORAGE.value,
        )  # fmt: skip
    return policy, lowered


def _rows() -> int:
    total = PROMPTS.value * GROUP.value
    return min(SLOTS.value, total) if SLOTS.value else total


def _sizes(policy: Any) -> Sizes:
    import jax

    weights = sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(jax.eval_shape(policy.init, jax.random.key(0))))
    vector = {"int8": policy.head_width + 4, "float32": 4 * policy.head_width}.get(STORAGE.value, 2 * policy.head_width)
    position = 2 * policy.layers * policy.kv_heads * vector
    return Sizes(2 * weights, PROMPT_TOKENS.value * position, position)


def _loops(text: str, policy: Any) -> Iterator[Loop]:
    """The decoding loops: those directly around a loop over layers that carries the response cache."""
    from benchmarks import hlo_traffic
    from entropy_rl.models import decode_attention

    computations = hlo_traffic.parse(text)
    cache = f"[{policy.layers},{_rows()},{policy.kv_heads},{NEW_TOKENS.value},{policy.head_width}]"
    for name, computation in computations.items():
        layers = [each for each in computation.values() if each.operation == "while" and cache in each.shape]
        layers = [each for each in layers if _has(each, rf"\w+\[\d+,1,{policy.width}\]")]
        if name == "ENTRY" or not layers:
            continue
        rows = int(_has(layers[0], rf"\w+\[(\d+),1,{policy.width}\]").group(1))
        body = computations[layers[0].called("body")].values()
        conditionals = [hlo_traffic.branches_of(each) for each in body if each.operation == "conditional"]
        widths = decode_attention.widths(NEW_TOKENS.value, max(map(len, conditionals), default=1))
        moved = {}
        for number, width in enumerate(widths):
            choice = functools.partial(_branch, count=len(widths), number=number)
            moved[width] = hlo_traffic.traffic(computations, name, policy.layers, choice).total
        own = f"[{policy.layers},{rows},{policy.kv_heads},{PROMPT_TOKENS.value},{policy.head_width}]" in layers[0].shape
        yield Loop(rows, own, moved)


def _has(instruction: Any, pattern: str) -> Any:
    return re.search(pattern, instruction.shape)


def _branch(instruction: Any, branches: list[str], count: int, number: int) -> int | None:
    del instruction
    return number if len(branches) == count else None


def _line(found: list[Loop], sizes: Sizes, seconds: float) -> dict[str, Any]:
    loops = []
    for loop in sorted(found, key=lambda loop: -loop.rows):
        prompts = loop.rows if loop.own_prompts else PROMPTS.value
        least = sizes.least(loop.rows, prompts, (NEW_TOKENS.value + 1) / 2)
        widest = sizes.least(loop.rows, prompts, NEW_TOKENS.value)
        loops.append(
            {
                "rows": loop.rows,
                "own_prompts": loop.own_prompts,
                "widths": list(loop.moved),
                "gb_per_step": [round(moved / GB, 3) for moved in loop.moved.values()],
                "widest_over_least": round(loop.moved[max(loop.moved)] / widest, 3),
                "mean_over_least": round(loop.mean() / least, 3),
                "mean_mb_per_token": round(loop.mean() / loop.rows / 1e6, 2),
            }
        )
    return {
        "benchmark": "aot_decode", "topology": TOPOLOGY.value, "model": MODEL.value, "storage": STORAGE.value,
        "prompts": PROMPTS.value, "group": GROUP.value, "prompt_tokens": PROMPT_TOKENS.value,
        "new_tokens": NEW_TOKENS.value, "weights_gb": round(sizes.weights / GB, 3), "loops": loops,
        "compile_seconds": round(seconds, 1),
    }  # fmt: skip


def _table(line: dict[str, Any]) -> str:
    head = (
        f"{line['model']} on one device of {line['topology']}, {line['prompts']} x {line['group']} rows, "
        f"{line['prompt_tokens']} + {line['new_tokens']} tokens, cache {line['storage']}: caches "
        f"{line['caches_gib']:.2f} GiB, all temporaries {line['temporaries_gib']:.2f} GiB, peak "
        f"{line['peak_gib']:.2f} GiB; compiled in {line['compile_seconds']:.0f} s, nothing was run\n\n"
        "rows | own prompts | GB per step by columns read | over the least, all columns | over the least, mean\n"
    )
    rows = (
        f"{loop['rows']:4d} | {loop['own_prompts']!s:11} | {' '.join(map(str, loop['gb_per_step']))} | "
        f"{loop['widest_over_least']:.3f} | {loop['mean_over_least']:.3f}\n"
        for loop in line["loops"]
    )
    return head + "".join(rows)


if __name__ == "__main__":
    app.run(main)
