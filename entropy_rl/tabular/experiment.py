"""An arm of an exact study: its settings, and a folder such as a training run leaves behind."""

from __future__ import annotations

import dataclasses
import json
import math
import pathlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

from entropy_rl.advantages.grpo import GroupNormalized
from entropy_rl.closed_loop.loop import EntropyLoop
from entropy_rl.lab.tabular import Tree
from entropy_rl.losses.clip import ClippedSurrogate
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.tabular import measures, simulation
from entropy_rl.tabular.rewards import Worth


@dataclasses.dataclass(frozen=True)
class Tabular:
    """One setting of the exact laboratory.

    Attributes:
      name: unlike that of every other setting.
      loss: its schedules count optimiser steps: `epochs` to a step.
      learning_rate: of plain gradient descent on the logits; an update is the sum over tokens divided by G, so that
        neither the number of prompts nor the length scales it.
      critic: the exact value of the state instead of the group's mean as the baseline, whitened over the batch (PPO).
      loops: closed loops that read the entropy of the visited states; a temperature cannot be among their actuators.
      after: steps of plain GRPO that come before, and are not told of.
      every: steps from one enumeration to the next; what a run would log of its samples is told of each step.
      seed: of the tree and of the sampling.
    """

    name: str
    loss: PolicyLoss = PolicyLoss(surrogate=ClippedSurrogate())
    advantages: Any = GroupNormalized()
    reward: Any = Worth()
    tree: Tree = Tree()
    group_size: int = 8
    steps: int = 200
    epochs: int = 4
    learning_rate: float = 0.5
    critic: bool = False
    loops: tuple[EntropyLoop, ...] = ()
    after: int = 0
    every: int = 1
    seed: int = 0

    def validate(self) -> None:
        """Raises ValueError that names the field, the rule and the remedy."""
        self.tree.validate()
        self.loss.validate()
        for field, least in (("group_size", 2), ("steps", 1), ("epochs", 1), ("after", 0), ("every", 1), ("seed", 0)):
            if getattr(self, field) < least:
                raise ValueError(f"Tabular.{field} is {getattr(self, field)}; it must be at least {least}")
        if not self.learning_rate > 0:
            raise ValueError(f"Tabular.learning_rate is {self.learning_rate}; it must be above 0")
        for one in self.loops:
            one.validate()

    def run(self, workdir: str) -> None:
        """Writes metrics.jsonl and summary.json; "test" and "base" are exact, over the prompts that are trained."""
        began = time.monotonic()
        self.validate()
        earlier = Tabular("", tree=self.tree, steps=self.after, every=1, seed=self.seed) if self.after else None
        start = simulation.simulate(earlier)[2].logits[-1] if earlier else None
        initial, worth, steps = simulation.simulate(self, start)
        records = measures.records(self.tree, initial, worth, steps, self.every)
        write(pathlib.Path(workdir), self.name, self.seed, records, time.monotonic() - began)


def write(folder: pathlib.Path, name: str, seed: int, records: Sequence[Mapping[str, float]], seconds: float) -> None:
    """The two files of a run's folder that the lab reads; validation figures of both ends are "base" and "test"."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(_finite(record), allow_nan=False) for record in records]
    (folder / "metrics.jsonl").write_text("\n".join(lines) + "\n")
    summary = {
        "name": name,
        "steps": int(records[-1]["step"]),
        "seed": seed,
        "test": _validation(records[-1]),
        "base": _validation(records[0]),
        "seconds": seconds,
    }
    (folder / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")


def _finite(record: Mapping[str, float]) -> dict[str, float]:
    return {name: value for name, value in record.items() if math.isfinite(value)}


def _validation(record: Mapping[str, float]) -> dict[str, float]:
    prefix = "validation/"
    return {name.removeprefix(prefix): value for name, value in record.items() if name.startswith(prefix)}
