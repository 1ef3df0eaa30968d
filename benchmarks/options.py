"""Flags that the benchmarks share."""

from __future__ import annotations

from absl import flags

from benchmarks import workload

SIZE = flags.DEFINE_enum("size", "S", list(workload.SIZES), "S: 1 M parameters, 16 x 8 rows. M: 39 M, 4 x 8 rows.")
THREADS = flags.DEFINE_integer("threads", 1, "1: one thread on --core, as peers are run. 0: as the machine allows.")
CORE = flags.DEFINE_integer("core", 0, "Of the single thread.")
