"""Where a policy's first weights come from: the values of `Config.init`."""

from __future__ import annotations

import dataclasses

from entropy_rl import checks


@dataclasses.dataclass(frozen=True)
class WarmStart:
    """The policy starts from supervised training on the task's demonstrations, cached by the content of what made it.

    Attributes:
      steps, batch: optimiser steps and demonstrations per step.
      demonstrations: how many different ones there are.
      learning_rate: the peak of a cosine that falls to a twentieth, after `warmup` steps.
      seed: of initial weights, demonstrations and their order. Runs that share it share their base.
    """

    steps: int = 800
    batch: int = 128
    demonstrations: int = 40_000
    learning_rate: float = 5e-3
    warmup: int = 50
    seed: int = 0

    def validate(self) -> None:
        """Raises ValueError for a number outside its range."""
        for name in ("steps", "batch", "demonstrations"):
            checks.at_least(f"init.{name}", getattr(self, name), 1)
        checks.positive("init.learning_rate", self.learning_rate)
        checks.at_least("init.warmup", self.warmup, 0)


@dataclasses.dataclass(frozen=True)
class FromRun:
    """The policy starts from the newest good checkpoint of another run, or of a given step of it."""

    path: str
    step: int | None = None

    def validate(self) -> None:
        """Raises ValueError if no path is given."""
        if not self.path:
            raise ValueError("init.path is empty; give the folder of a run")


@dataclasses.dataclass(frozen=True)
class HuggingFace:
    """The policy starts from a published checkpoint: config.json, safetensors and, unless given, its tokenizer.

    Attributes:
      path: a local folder, gs://..., or the name of a repository on the hub ("Qwen/Qwen2.5-0.5B"); a gated one is read
        with the token in the environment (HF_TOKEN).
      revision: of the hub: a branch, tag or commit; None for the newest. A commit makes the run repeatable.
    """

    path: str
    revision: str | None = None

    def validate(self) -> None:
        """Raises ValueError if no path is given."""
        if not self.path:
            raise ValueError("init.path is empty; give a folder or the name of a repository, such as Qwen/Qwen2.5-0.5B")


@dataclasses.dataclass(frozen=True)
class RandomWeights:
    """The policy starts from random weights."""

    seed: int = 0

    def validate(self) -> None:
        """Any seed will do."""
