"""Flags that the benchmarks share."""

from __future__ import annotations

import dataclasses

from absl import flags

from benchmarks import workload

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
SAVE = flags.DEFINE_string("save", "", "Name of a file in benchmarks/results/ that keeps the figures.")


def shape() -> workload.Shape:
    """The lengths that the flags ask for."""
    chosen = workload.SHAPES[SHAPE.value]
    given = {"prompt_tokens": PROMPT_TOKENS.value, "new_tokens": NEW_TOKENS.value}
    return dataclasses.replace(chosen, **{name: value for name, value in given.items() if value is not None})
