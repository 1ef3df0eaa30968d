"""Policy gradient without samples: what the theorems on entropy speak of."""

from __future__ import annotations

import dataclasses
import pathlib
import time

import numpy as np

from entropy_rl.lab.tabular import Table, Tree
from entropy_rl.tabular import experiment


@dataclasses.dataclass(frozen=True)
class ExactGradient:
    """Steps along the expected gradient of the reward, each with the change of entropy that a theorem predicts.

        vanilla  dH = -rate E_s Cov_a(log pi, reach(s) pi A)      theorem 1
        natural  dH = -rate E_s Cov_a(log pi, A)                  theorem 2

    E_s over the states as they are reached. The true change is that at the same states.

    Source: Cui et al. 2025, https://arxiv.org/abs/2505.22617

    Attributes:
      name: unlike that of every other setting.
    """

    name: str
    natural: bool = False
    learning_rate: float = 0.1
    tree: Tree = Tree()
    steps: int = 200
    seed: int = 0

    def predicted(self, table: Table) -> float:
        """Nats per token."""
        push = table.advantages if self.natural else table.reach[:, :, None] * table.policy * table.advantages
        return -self.learning_rate * table.mean(table.covariances(push))

    def run(self, workdir: str) -> None:
        """Writes metrics.jsonl and summary.json."""
        began = time.monotonic()
        self.tree.validate()
        table = base = Table(self.tree, *self.tree.draw(self.seed))
        records = [{"step": 0} | _exact(table)]
        for step in range(self.steps):
            after = table.moved(self.learning_rate, self.natural)
            change = {"tabular/predicted": self.predicted(table), "tabular/true": table.at_same_states(after)}
            records.append({"step": step + 1} | change | _exact(after))
            if self.tree.graded:
                records[-1]["tabular/linearity"] = base.linearity(after)
            table = after
        experiment.write(pathlib.Path(workdir), self.name, self.seed, records, time.monotonic() - began)


def _exact(table: Table) -> dict[str, float]:
    worth = np.sum(table.answers * table.worth, axis=1)
    return {
        "validation/pass@1": table.pass_at(1),
        "validation/pass@64": table.pass_at(64),
        "validation/entropy": table.entropy,
        "tabular/worth": float(worth.mean()),
        "tabular/modes": table.modes,
    }
