"""What compiling the programs of a run costs: from nothing, and from the persistent cache; and that depth is free.

Run:  python benchmarks/compile_time.py --size=S
      with --tunix_python for its first step beside; --depths=2,24 compiles the same model with so many layers

Each measurement is a fresh process with a cache of its own: the first run of a pair finds it empty, the second finds
what the first left. Prints a table and one JSON line: process-CPU seconds of the first step less those of the second
(compiling, or reading what was compiled), the programs that it compiled, and those of them that took a hundredth of
that time or more: the others are single operations outside of any program.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

import jax
from absl import app, flags

from benchmarks import clock, comparison, options, record, subjects, trainer, workload

DEPTHS = flags.DEFINE_list("depths", ["2", "24"], "Layers, beside those of the size.")
PAIRS = flags.DEFINE_integer("pairs", 3, "Fresh caches for the size itself; one for other depths.", lower_bound=1)
INNER = flags.DEFINE_integer("measure_layers", -1, "Used by the benchmark itself: one measurement in this process.")

COMPILED = "/jax/core/compile/backend_compile_duration"
LARGE = 0.01  # of the time that all programs take to compile, whatever else the machine does


def inner(size: workload.Size, shape: workload.Shape) -> dict[str, Any]:
    """Two steps in this process: what the first cost beyond the second."""
    compiled: list[tuple[str, float]] = []

    def heard(event: str, duration_secs: float, **about: Any) -> None:
        if event == COMPILED:
            compiled.append((str(about.get("fun_name", "")), round(duration_secs, 2)))

    jax.monitoring.register_event_duration_secs_listener(heard)
    start = clock.now()
    own = trainer.make_trainer(size, shape.prompt_tokens, shape.new_tokens, shape.ends)
    made = clock.since(start)
    first = own.step(0, trainer.LOSS, size.micro_batches)["steps"]
    total = sum(seconds for _, seconds in compiled)
    large = [(name, seconds) for name, seconds in compiled if seconds >= LARGE * total]
    programs = len(compiled)
    second = own.step(1, trainer.LOSS, size.micro_batches)["steps"]
    return {
        "compile": round(made[1] + first[1] - second[1], 2),
        "programs": programs,
        "large": large,
        "later": len(compiled) - programs,  # a second step compiles nothing
        "peak_rss_GiB": round(clock.peak_memory(), 2),
    }


def outer(layers: int, cache: pathlib.Path) -> dict[str, Any]:
    """`inner` in a fresh process with this cache."""
    flagged = [f"--{name}={flags.FLAGS[name].value}" for name in ("size", "shape", "threads", "core")]
    lengths = [
        f"--{name}={flags.FLAGS[name].value}" for name in ("prompt_tokens", "new_tokens") if flags.FLAGS[name].value
    ]
    command = [sys.executable, __file__, *flagged, *lengths, f"--measure_layers={layers}"]
    settings = {
        "JAX_COMPILATION_CACHE_DIR": str(cache), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1", "PYTHONPATH": str(subjects.REPOSITORY),
    }  # fmt: skip
    done = subprocess.run(command, env=os.environ | settings, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def pairs(layers: int, repeats: int) -> dict[str, Any]:
    """Medians over pairs of a cold and a warm process."""
    found: dict[str, list[dict[str, Any]]] = {"cold": [], "warm": []}
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as cache:
            for each in found.values():
                each.append(outer(layers, pathlib.Path(cache)))
    return {
        name: each[0]
        | {"compile": record.median([one["compile"] for one in each]), "runs": [o["compile"] for o in each]}
        for name, each in found.items()
    }


def first_step_of_peers(size: workload.Size, shape: workload.Shape) -> tuple[dict[str, float], dict[str, str]]:
    """Process-CPU seconds of the first step of each peer less those of its second."""
    peers, absent = comparison.start_peers(size, shape)
    found = {}
    for peer in peers:
        laps = [peer.step(number)["steps"][1] for number in range(2)]
        found[peer.name] = round(laps[0] - laps[1], 2)
        peer.close()
    return found, absent


def table(figures: dict[str, Any]) -> str:
    """A line for each depth and each peer."""
    head = ["", "cold, cpu-s", "warm cache, cpu-s", "programs", f"of {LARGE:.0%} of it or more", "in a later step"]
    rows = []
    for layers, pair in figures["layers"].items():
        cold, warm = pair["cold"], pair["warm"]
        counts = [str(cold["programs"]), str(len(cold["large"])), str(cold["later"])]
        rows.append([f"{layers} layers", f"{cold['compile']:.1f}", f"{warm['compile']:.1f}", *counts])
    rows += [[name, f"{seconds:.1f}", "", "", "", ""] for name, seconds in figures["first_step_of_peers"].items()]
    return record.table(head, rows) + comparison.describe(figures["absent"])


def main(argv: Sequence[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments {argv[1:]}")
    clock.pin(options.THREADS.value, options.CORE.value)
    size, shape = workload.SIZES[options.SIZE.value], options.shape()
    if INNER.value >= 0:
        policy = dataclasses.replace(size.policy, layers=INNER.value or size.policy.layers)
        sys.stdout.write(json.dumps(inner(dataclasses.replace(size, policy=policy), shape)) + "\n")
        return
    depths = sorted({size.policy.layers, *(int(depth) for depth in DEPTHS.value)})
    layers = {depth: pairs(depth, PAIRS.value if depth == size.policy.layers else 1) for depth in depths}
    peers, absent = first_step_of_peers(size, shape)
    figures = {"benchmark": "compile_time", "size": options.SIZE.value, "shape": options.SHAPE.value, "unit": "cpu-s"}
    figures |= {"layers": layers, "first_step_of_peers": peers, "absent": absent}
    record.emit(table(figures), figures, options.SAVE.value)


if __name__ == "__main__":
    app.run(main)
