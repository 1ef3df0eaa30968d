"""A process of two that exchange values and, if told to, take different branches, fail, or leave.

Run:  python -m tests.parallel.branches ADDRESS PROCESS agree|differ|fail
"""

from __future__ import annotations

import sys

import jax
import numpy as np

from entropy_rl.parallel import distributed, exchange


def main(address: str, process: str, what: str) -> None:
    number = int(process)
    with distributed.joined(distributed.Hosts(address, 2, number)):
        found = exchange.everyones({"n": np.float32(number), "nan": float("nan")}, "step 1")
        assert [value["n"] for value in found] == [0.0, 1.0] and all(value["nan"] != value["nan"] for value in found)
        assert exchange.firsts(f"from {number}", "step 1: the first's") == "from 0"
        assert exchange.to_first(number, "step 1: for the first") == ([0, 1] if number == 0 else None)
        if what == "fail" and number == 1:
            raise OSError("no room on the disk of process 1")
        place = "step 2" if what != "differ" or number == 0 else "step 3"
        exchange.everyones(jax.device_count(), place)


if __name__ == "__main__":
    main(*sys.argv[1:])
