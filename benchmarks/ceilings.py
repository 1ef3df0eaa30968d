"""What this device reaches in matrix products and in reading memory, measured in the process that compares with it.

A shared machine is faster or slower by a fifth from one hour to the next: a limit from another process is none.
"""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from benchmarks import clock
from entropy_rl.models.decoder import Decoder

REPEATS = 5
LEAST_OPERATIONS = 1e9  # of one timing on a CPU; a hundred times that on an accelerator
READ_BYTES = 256 * 2**20


@dataclasses.dataclass(frozen=True)
class Ceilings:
    """Rates of one device, per unit of `clock.unit()`.

    Attributes:
      products: operations per second of the matrix products that a step is made of, by what they do in it.
      read: bytes per second of a sum over an array larger than any cache.
    """

    products: dict[str, float]
    read: float

    def summary(self) -> dict[str, Any]:
        """For a record: GFLOP and GB per second."""
        products = {name: round(rate / 1e9, 1) for name, rate in self.products.items()}
        return {"unit": clock.unit(), "GFLOP": products, "read_GB": round(self.read / 1e9, 1)}


def measure(policy: Decoder, rows: int, tokens: int) -> Ceilings:
    """Rates at the shapes that a policy multiplies.

    Args:
      rows: sequences that decode together.
      tokens: of a piece of the update that is computed at once.
    """
    width, vocabulary = policy.width, policy.vocab_size
    square = 2048 if jax.default_backend() == "cpu" else 8192
    shapes = {
        "square": (square, square, square),
        "decode": (rows, width, policy.feed_forward),
        "decode head": (rows, width, vocabulary),
        "update": (tokens, width, policy.feed_forward),
        "update head": (min(tokens, 4096), width, vocabulary),
    }
    rates = {name: product_rate(shape, policy.dtype) for name, shape in shapes.items()}
    return Ceilings(rates, read_rate())


def product_rate(shape: tuple[int, int, int], dtype: Any) -> float:
    """Operations per second of [m, k] @ [k, n], in the median of five timings."""
    m, k, n = shape
    left = jax.random.normal(jax.random.key(0), (m, k), dtype)
    right = jax.random.normal(jax.random.key(1), (k, n), dtype)
    operations = 2.0 * m * k * n
    least = LEAST_OPERATIONS * (1 if jax.default_backend() == "cpu" else 100)
    calls = max(1, round(least / operations))
    return operations * calls / seconds(jax.jit(jnp.matmul), (left, right), calls)


def read_rate() -> float:
    """Bytes per second of summing 256 MiB (2 GiB on an accelerator) of float32."""
    size = READ_BYTES * (1 if jax.default_backend() == "cpu" else 8)
    array = jnp.ones(size // 4, jnp.float32)
    return size / seconds(jax.jit(jnp.sum), (array,), 1)


def seconds(compiled: Callable[..., Any], arguments: tuple[Any, ...], calls: int) -> float:
    """Median over `REPEATS` of what `calls` calls take; compiled before."""
    jax.block_until_ready(compiled(*arguments))
    taken = []
    for _ in range(REPEATS):
        start = clock.now()
        results = [compiled(*arguments) for _ in range(calls)]
        jax.block_until_ready(results)
        taken.append(clock.cost(clock.since(start, digits=9)))
    return statistics.median(taken)
