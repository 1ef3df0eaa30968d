"""Memory and time of log-probs and entropies with their gradients, over tiles and dense.

Run:  python benchmarks/loss_memory.py                      (B * T = 4096 tokens, V = 151,936, D = 512, float32)
      python benchmarks/loss_memory.py --dense --vocabulary=37984      (the dense figure of this size takes 10 GiB)

Prints a summary and one JSON line: GiB resident above the inputs at most, process-CPU seconds of a compiled call, and
with --check_gradient the relative distance of tiled and dense gradients at a small size. The loss is
-mean(logprob) - .01 mean(entropy).
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from absl import app, flags

from benchmarks import clock, options, record
from entropy_rl.ops.logprobs import logprobs_and_entropies
from entropy_rl.types import Array

BATCH = flags.DEFINE_integer("batch", 8, "B.", lower_bound=1)
LENGTH = flags.DEFINE_integer("length", 512, "T.", lower_bound=1)
VOCABULARY = flags.DEFINE_integer("vocabulary", 151_936, "V.", lower_bound=2)
WIDTH = flags.DEFINE_integer("width", 512, "D.", lower_bound=1)
DENSE = flags.DEFINE_bool("dense", False, "Logits as one array, differentiated by JAX.")
CHECK_GRADIENT = flags.DEFINE_bool("check_gradient", True, "Compare with dense at a sixteenth of the vocabulary.")

ENTROPY_COEFFICIENT = 0.01
CHECKED_TOKENS, SMALLER = 64, 16
SAMPLED_EVERY = 0.002  # s

Scores = Callable[[Array, Array, Array, Array], tuple[Array, Array]]


def dense(hidden: Array, head: Array, targets: Array, temperature: Array) -> tuple[Array, Array]:
    """What `logprobs_and_entropies` computes, with all logits at once."""
    logits = jnp.einsum("BTD,VD->BTV", hidden, head) / temperature[:, None, None]
    scores = jax.nn.log_softmax(logits, axis=-1)
    chosen = jnp.take_along_axis(scores, targets[..., None], axis=-1)[..., 0]
    return chosen, -jnp.sum(jnp.exp(scores) * scores, axis=-1)


def gradient_of(scores: Scores) -> jax.stages.Wrapped:
    """The compiled gradient with respect to hidden states and head."""

    def loss(hidden: Array, head: Array, targets: Array, temperature: Array) -> Array:
        logprobs, entropies = scores(hidden, head, targets, temperature)
        return -jnp.mean(logprobs) - ENTROPY_COEFFICIENT * jnp.mean(entropies)

    return jax.jit(jax.grad(loss, argnums=(0, 1)))


def example(batch: int, length: int, vocabulary: int, width: int) -> tuple[Any, ...]:
    """Random hidden states, head, targets and temperature 1."""
    rng = np.random.default_rng(0)
    hidden = 0.5 * rng.standard_normal((batch, length, width), np.float32)
    head = 0.02 * rng.standard_normal((vocabulary, width), np.float32)
    targets = rng.integers(0, vocabulary, (batch, length), np.int32)
    return tuple(jax.block_until_ready(jnp.asarray(a)) for a in (hidden, head, targets, np.ones(batch, np.float32)))


def gradient_distance(batch: int, length: int, vocabulary: int, width: int) -> float:
    """Largest |tiled - dense| of both gradients in norms, relative to the dense one's norm."""
    inputs = example(batch, length, vocabulary, width)
    pairs = zip(gradient_of(logprobs_and_entropies)(*inputs), gradient_of(dense)(*inputs), strict=True)
    return max(float(jnp.linalg.norm(a - b) / jnp.linalg.norm(b)) for a, b in pairs)


def peak_above(run: Callable[[], Any]) -> float:
    """GiB by which resident memory rises above where it stood, while `run` runs."""
    before, peak, stop = clock.resident_memory(), [0.0], threading.Event()

    def watch() -> None:
        while not stop.is_set():
            peak[0] = max(peak[0], clock.resident_memory() - before)
            time.sleep(SAMPLED_EVERY)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        run()
    finally:
        stop.set()
        watcher.join()
    return peak[0]


def main(argv: Sequence[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments {argv[1:]}")
    clock.pin(options.THREADS.value, options.CORE.value)
    shape = {"batch": BATCH.value, "length": LENGTH.value, "vocabulary": VOCABULARY.value, "width": WIDTH.value}
    inputs = example(**shape)
    compiled = gradient_of(dense if DENSE.value else logprobs_and_entropies).lower(*inputs).compile()
    start: list[clock.Lap] = []

    def run() -> None:
        start.append(clock.now())
        jax.block_until_ready(compiled(*inputs))

    extra = peak_above(run)
    wall, cpu = clock.since(start[0])
    found = (
        {"benchmark": "loss_memory"}
        | shape
        | {"dense": DENSE.value, "extra_GiB": round(extra, 3), "wall": wall, "cpu": cpu}
    )
    found["logits_GiB"] = round(shape["batch"] * shape["length"] * shape["vocabulary"] * 4 / 2**30, 3)
    if CHECK_GRADIENT.value:
        small = {"batch": 4, "length": CHECKED_TOKENS, "vocabulary": shape["vocabulary"] // SMALLER, "width": 64}
        found["gradient_distance"] = gradient_distance(**small)
    text = f"{found['extra_GiB']:.2f} GiB above the inputs, {cpu:.1f} cpu-s; logits alone {found['logits_GiB']:.2f} GiB"
    record.emit(text, found, options.SAVE.value)


if __name__ == "__main__":
    app.run(main)
