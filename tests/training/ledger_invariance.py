"""One step of a tiny run and its entry in the ledger, however the machine is cut up. Run on eight forced CPU devices.

Prints, for each mesh, the largest difference of a figure from those of one device, relative to the largest of its
kind, and the figures that one of them lacks.
"""

from __future__ import annotations

import dataclasses
import json
import sys
import tempfile

from entropy_rl.config import RolloutConfig
from entropy_rl.parallel.mesh import MeshShape
from entropy_rl.phases import Ledger, UpdateConfig
from entropy_rl.training import loop
from tests.training import tiny_run

ONE = MeshShape(1, 1, 1)
CUTS = {  # mesh, micro-batches, rows
    "8x1x1": (MeshShape(8, 1, 1), 1, 64),
    "2x2x2": (MeshShape(2, 2, 2), 2, 64),
    "1x2x1, sampled": (MeshShape(1, 2, 1), 1, 8),
}


def entry(shape: MeshShape, micro_batches: int, rows: int) -> dict[str, float]:
    """The first entry of a run."""
    config = dataclasses.replace(
        tiny_run.get_config(),
        steps=1,
        mesh=shape,
        rollout=RolloutConfig(prompts=16, responses=4),
        update=UpdateConfig(mini_batches=2, micro_batches=micro_batches),
        ledger=Ledger(every=1, rows=rows),
    )
    line = loop.run(config, tempfile.mkdtemp() + "/run", bases=BASES).metrics[-1]
    return {name: value for name, value in line.items() if name.startswith("ledger/")}


BASES = tempfile.mkdtemp()


def main() -> None:
    rows = []
    for name, (shape, micro_batches, count) in CUTS.items():
        exact, found = entry(ONE, 1, count), entry(shape, micro_batches, count)
        scale = max(abs(exact["ledger/change"]), abs(exact["ledger/first_order"]))
        small = lambda key: key.split("/")[1] in ("part", "change", "first_order", "residual", "at_selected")  # noqa: E731
        apart = max(
            abs(found[key] - value) / (scale if small(key) else max(abs(value), 1.0))  # noqa: B023
            for key, value in exact.items()
            if key in found
        )
        rows.append([name, apart, sorted(exact.keys() ^ found.keys())])
    sys.stdout.write(json.dumps(rows) + "\n")


if __name__ == "__main__":
    main()
