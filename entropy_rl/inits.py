"""Where a policy's first weights come from: the values of `Config.init`."""

from __future__ import annotations

import dataclasses

from entropy_rl import checks
from entropy_rl.models.decoder import Decoder
from entropy_rl.models.lora import Lora


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
class AsCheckpoint:
    """In the place of `Config.policy`: the architecture of the checkpoint that `init` names. The fields are a run's.

    Attributes: as those of models/decoder.py. `compute_dtype` may be "auto": bfloat16 on TPUs and NVIDIA GPUs from
      Ampere on, else float32.
    """

    compute_dtype: str = "auto"
    param_dtype: str = "float32"
    remat: str = "full"
    attention: str = "auto"
    lora: Lora | None = None

    def decoder(self, init: object) -> Decoder:
        """The architecture of a checkpoint with these choices; reads its config.json and nothing else.

        Raises:
          ValueError: if `init` names no checkpoint, or one that is not supported.
        """
        from entropy_rl.models import checkpoints

        if isinstance(init, FromRun):
            raise ValueError(
                "policy is AsCheckpoint, but init is FromRun; copy the policy out of "
                f"{init.path}/config.py, which holds it as a Decoder"
            )
        if not isinstance(init, HuggingFace):
            raise ValueError(
                f"policy is AsCheckpoint, but init is {type(init).__name__}, which states no architecture; use "
                "init=HuggingFace(...), or write the policy as a Decoder"
            )
        found = checkpoints.read_decoder(checkpoints.fetch_config(init.path, init.revision))
        return dataclasses.replace(found, **vars(self))


@dataclasses.dataclass(frozen=True)
class RandomWeights:
    """The policy starts from random weights."""

    seed: int = 0

    def validate(self) -> None:
        """Any seed will do."""
