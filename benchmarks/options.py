"""Flags that the benchmarks share."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from absl import app, flags

from benchmarks import workload
from entropy_rl.models.kv_cache import STORAGES, Storage

SIZE = flags.DEFINE_enum(
    "size",
    "S",
    list(workload.SIZES),
    "S: 1 M parameters, 16 x 8 rows. M: 39 M, 4 x 8. qwen05, qwen15: Qwen2.5, bfloat16, 16 x 8.",
)
THREADS = flags.DEFINE_integer("threads", 1, "1: one thread on --core, as peers are run. 0: as the machine allows.")
CORE = flags.DEFINE_integer("core", 0, "Of the single thread.")
SHAPE = flags.DEFINE_enum(
    "shape", "fixed", list(workload.SHAPES),
    "fixed: 16-token prompts, 64 new tokens. long: 256-token prompts. ragged: responses end, at 256 tokens at most. "
    "reasoning: 1024-token prompts, 2048 new tokens.",
)  # fmt: skip
PROMPT_TOKENS = flags.DEFINE_integer("prompt_tokens", None, "Q, where it is not that of --shape.", lower_bound=16)
NEW_TOKENS = flags.DEFINE_integer("new_tokens", None, "T, where it is not that of --shape.", lower_bound=1)
ROUNDS = flags.DEFINE_integer("rounds", 7, "Measured rounds; one more warms up.", lower_bound=1)
MICRO_BATCHES = flags.DEFINE_list("micro_batches", [], "Pieces of the update; several are variants. Empty: the size's.")
CACHES = flags.DEFINE_list("caches", ["auto"], f"How keys and values are stored; several are variants: {STORAGES}.")
SAVE = flags.DEFINE_string("save", "", "Name of a file in benchmarks/results/ that keeps the figures.")


def micro_batches(otherwise: Sequence[int]) -> list[int]:
    """Those of the flag, or others where it is empty.

    Raises:
      app.UsageError: if the prompts of the size do not split so.
    """
    pieces = [int(count) for count in MICRO_BATCHES.value or otherwise]
    prompts = workload.SIZES[SIZE.value].prompts
    if any(count < 1 or prompts % count for count in pieces):
        raise app.UsageError(f"--micro_batches={pieces}: {prompts} prompts of size {SIZE.value} do not split so")
    return pieces


def caches() -> list[Storage]:
    """Those of the flag.

    Raises:
      app.UsageError: if there is no such type.
    """
    if unknown := set(CACHES.value) - set(STORAGES):
        raise app.UsageError(f"--caches={','.join(sorted(unknown))}: choose among {', '.join(STORAGES)}")
    return [storage for wanted in CACHES.value for storage in STORAGES if storage == wanted]


def shape() -> workload.Shape:
    """The lengths that the flags ask for."""
    chosen = workload.SHAPES[SHAPE.value]
    given = {"prompt_tokens": PROMPT_TOKENS.value, "new_tokens": NEW_TOKENS.value}
    return dataclasses.replace(chosen, **{name: value for name, value in given.items() if value is not None})
