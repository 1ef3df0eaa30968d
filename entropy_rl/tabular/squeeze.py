"""Demonstrations, reinforcement, and the second after the first, without samples: which answers are left?"""

from __future__ import annotations

import dataclasses
import pathlib
import time

from entropy_rl.lab.tabular import Table, Tree
from entropy_rl.tabular import experiment

SAMPLES = 256


@dataclasses.dataclass(frozen=True)
class Squeeze:
    """Exact steps of imitation, then exact steps of vanilla policy gradient; either may be none.

    Attributes:
      name: unlike that of every other setting.
      imitation: steps up the log-likelihood of the right answers.
      reinforcement: steps up the expected reward, after those.
      imitation_rate, reinforcement_rate: of either.
    """

    name: str
    imitation: int = 0
    reinforcement: int = 0
    imitation_rate: float = 0.5
    reinforcement_rate: float = 1.0
    tree: Tree = Tree()
    seed: int = 0

    def run(self, workdir: str) -> None:
        """Writes metrics.jsonl and summary.json."""
        began = time.monotonic()
        self.tree.validate()
        table = Table(self.tree, *self.tree.draw(self.seed))
        records = [{"step": 0} | _figures(table)]
        for step in range(self.imitation + self.reinforcement):
            imitating = step < self.imitation
            table = table.imitated(self.imitation_rate) if imitating else table.moved(self.reinforcement_rate)
            records.append({"step": step + 1} | _figures(table))
        experiment.write(pathlib.Path(workdir), self.name, self.seed, records, time.monotonic() - began)


def _figures(table: Table) -> dict[str, float]:
    right, wrong = table.distinct(SAMPLES)
    return {
        "validation/pass@1": table.pass_at(1),
        "validation/pass@64": table.pass_at(64),
        "validation/entropy": table.entropy,
        "tabular/distinct_right": right,
        "tabular/distinct_wrong": wrong,
        "tabular/modes": table.modes,
    }
