"""Memory of the compiled programs of a step, by the compiler's own account, and of the loss over a large vocabulary.

Run:  python benchmarks/memory.py --size=M                  (--caches=auto,bfloat16,int8; --noloss leaves the loss out)

Prints a table and one JSON line. Temporaries of generation are held against keys and values, which it cannot do
without; a second copy of the cache would show as twice that. Those of the update are held against one gradient. The
loss is `loss_memory.py` in a process of its own: GiB resident above its inputs and process-CPU seconds, against four
matrix products at this device's rate.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from absl import app, flags

from benchmarks import ceilings, clock, memory_of, options, record, subjects, trainer, workload
from entropy_rl.rollout.engine import Engine, pack_prompts
from entropy_rl.rollout.generation import generate

LOSS = flags.DEFINE_bool("loss", True, "Measure the loss at B T = 4096, V = 151,936, D = 512 too (40 s).")

LOSS_SHAPE = {"batch": 8, "length": 512, "vocabulary": 151_936, "width": 512}
LOSS_LIMIT_GIB = 0.45
MIB = 2**20


def generation(own: trainer.Trainer, engine: Engine) -> dict[str, float]:
    """MiB of the program that samples."""
    prompts = [problem.prompt for problem in own.problems(0)]
    request = pack_prompts(prompts, range(len(prompts)), engine.tokenizer, engine.prompt_tokens)
    arrays = tuple(jnp.asarray(array) for array in (request.tokens, request.mask, request.draws))
    scalars = (jnp.uint32(0), jnp.uint32(0), jnp.uint32(0), jnp.float32(1), jnp.int32(0))
    with jax.set_mesh(engine.mesh):
        compiled = generate.lower(own.state.params, arrays, *scalars, **engine.options()).compile()
    return analysed(compiled) | {"least": memory_of.caches(engine, len(prompts)) / MIB}


def update(own: trainer.Trainer) -> dict[str, float]:
    """MiB of the compiled update."""
    problems = own.problems(0)
    judged, _ = own.score(problems, own.rollout(problems, 0), trainer.LOSS)
    program = own.compiled(own.size.micro_batches)
    with jax.set_mesh(own.placement.mesh):
        compiled = program.lower(own.state, judged, trainer.LOSS, trainer.OPTIMIZER, jax.random.key(0)).compile()
    gradient = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(own.state.params))
    return analysed(compiled) | {"least": gradient / MIB}


def analysed(compiled: Any) -> dict[str, float]:
    """MiB of arguments, of results that do not take the place of arguments, and of what comes and goes."""
    found = compiled.memory_analysis()
    return {
        "arguments": found.argument_size_in_bytes / MIB,
        "results": (found.output_size_in_bytes - found.alias_size_in_bytes) / MIB,
        "temporaries": found.temp_size_in_bytes / MIB,
    }


def loss() -> dict[str, Any]:
    """`loss_memory.py` in a fresh process, and the least time that its products take."""
    flagged = [f"--{name}={value}" for name, value in LOSS_SHAPE.items()]
    pinned = [f"--threads={options.THREADS.value}", f"--core={options.CORE.value}"]
    command = [sys.executable, "-m", "benchmarks.loss_memory", *flagged, *pinned]
    done = subprocess.run(command, cwd=subjects.REPOSITORY, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    tokens, vocabulary, width = 4096, LOSS_SHAPE["vocabulary"], LOSS_SHAPE["width"]
    rate = ceilings.product_rate((256, width, vocabulary), jnp.float32)
    least = 4 * 2.0 * tokens * vocabulary * width / rate
    return {key: found[key] for key in ("extra_GiB", "cpu", "gradient_distance")} | {"least_cpu": round(least, 1)}


def table(figures: dict[str, Any]) -> str:
    """A line for each program, and one for the loss."""
    head = ["MiB", "arguments", "results", "temporaries", "least", "temporaries / least"]
    rows = [
        [name, *(f"{found[key]:.1f}" for key in ("arguments", "results", "temporaries", "least")),
         f"{found['temporaries'] / found['least']:.2f}"]
        for name, found in figures["programs"].items()
    ]  # fmt: skip
    text = record.table(head, rows)
    if found := figures.get("loss"):
        text += (
            f"\nloss: {found['extra_GiB']:.2f} GiB above its inputs (limit {LOSS_LIMIT_GIB}), {found['cpu']:.1f} cpu-s "
        )
        text += f"(four products: {found['least_cpu']:.1f}), gradients {found['gradient_distance']:.1e} from dense ones"
    return text


def main(argv: Sequence[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments {argv[1:]}")
    clock.pin(options.THREADS.value, options.CORE.value)
    size, shape = workload.SIZES[options.SIZE.value], options.shape()
    own = trainer.make_trainer(size, shape.prompt_tokens, shape.new_tokens, shape.ends)
    programs = {}
    for cache in options.caches():
        changed: Any = {"cache": cache}
        programs[f"generation, cache {cache}"] = generation(own, dataclasses.replace(own.engine, **changed))
    programs[f"update, {size.micro_batches} micro-batches"] = update(own)
    figures = {"benchmark": "memory", "size": options.SIZE.value, "shape": options.SHAPE.value, "programs": programs}
    if LOSS.value:
        figures["loss"] = loss()
    record.emit(table(figures), figures, options.SAVE.value)


if __name__ == "__main__":
    app.run(main)
