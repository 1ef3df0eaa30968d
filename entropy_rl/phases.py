"""The phases of a run as fields of the config: what is rolled out, updated, evaluated and kept."""

from __future__ import annotations

import dataclasses
import importlib.util
import typing
from typing import Literal

from entropy_rl import checks
from entropy_rl.models.kv_cache import STORAGES, Storage
from entropy_rl.ops import schedules


@dataclasses.dataclass(frozen=True)
class RolloutConfig:
    """What is sampled in a step.

    Attributes:
      prompts, responses: P prompts and G responses to each.
      temperature: of training rollouts; a number, a schedule of optimiser steps, or what a closed loop sets.
      prompt_tokens: Q, the most tokens of a prompt as the policy is shown it; longer ones are left out and counted,
        never cut. 0 for the task's own.
      response_tokens: T, the most tokens of a response; 0 for the task's own.
      pieces: how many parts of a step's prompts are sampled one after the other, each judged while the next is sampled;
        memory and time, not results, depend on it.
      stop: names of tokens that end a response beside the tokenizer's and the template's. Each must be one token: text
        that spans several ends nothing.
      slots: responses decoded at a time, on all devices together; the others wait until one ends. 0 for all at once:
        their keys and values must fit into memory at full length.
      buckets: decoding loops, each over fewer rows than the one before, that a rollout goes through as responses end;
        0 for one if responses are short and 6 if not. Time, not results, depends on it, and so does the compiler's.
      cache: how keys and values are stored: "auto" (as computed), "float32", "bfloat16" or "int8". Fewer bits sample
        from a slightly different policy: see the metrics under mismatch/.
    """

    prompts: int = 64
    responses: int = 8
    temperature: float = 1.0
    prompt_tokens: int = 0
    response_tokens: int = 0
    pieces: int = 1
    stop: tuple[str, ...] = ()
    slots: int = 0
    buckets: int = 0
    cache: Storage = "auto"

    @property
    def piece(self) -> int:
        """Prompts that are sampled at a time, on all processes together."""
        return self.prompts // self.pieces

    def validate(self) -> None:
        """Raises ValueError for a number outside its range."""
        checks.at_least("rollout.prompts", self.prompts, 1)
        checks.at_least("rollout.responses", self.responses, 1)
        if not isinstance(self.temperature, schedules.Schedule | schedules.Controlled):
            checks.positive("rollout.temperature", self.temperature)
        schedules.check(self, "temperature", 0.0, remedy="1 is usual", open_low=True)
        checks.at_least("rollout.prompt_tokens", self.prompt_tokens, 0)
        checks.at_least("rollout.response_tokens", self.response_tokens, 0)
        checks.at_least("rollout.pieces", self.pieces, 1)
        checks.at_least("rollout.slots", self.slots, 0)
        checks.at_least("rollout.buckets", self.buckets, 0)
        if self.cache not in STORAGES:
            raise ValueError(f"rollout.cache is {self.cache!r}; choose one of {', '.join(map(repr, STORAGES))}")
        if self.prompts % self.pieces:
            raise ValueError(
                f"rollout.prompts = {self.prompts} do not split into rollout.pieces = {self.pieces}; choose a divisor"
            )


@dataclasses.dataclass(frozen=True)
class UpdateConfig:
    """How a rollout becomes optimiser steps.

    Attributes:
      mini_batches: optimiser steps per epoch; each sees prompts / mini_batches whole groups.
      epochs: passes over a rollout.
      micro_batches: pieces of a mini-batch whose gradients are accumulated; memory, not results, depends on it.
      rescore: recompute the rollout's log-probs with the update's own arithmetic before the first step, instead of
        taking the engine's.
      buckets: widths that responses are computed at, each half of the one before, so that short ones do not cost as
        much as the longest; each takes a share of the compilation. 1: all at the longest. 0: 1 for responses of less
        than 128 tokens, up to 4 for longer ones. Time, not results, depends on it.
    """

    mini_batches: int = 4
    epochs: int = 1
    micro_batches: int = 1
    rescore: bool = False
    buckets: int = 0

    def validate(self) -> None:
        """Raises ValueError for a number outside its range."""
        for name in ("mini_batches", "epochs", "micro_batches"):
            checks.at_least(f"update.{name}", getattr(self, name), 1)
        checks.at_least("update.buckets", self.buckets, 0)

    @property
    def steps_per_rollout(self) -> int:
        """Optimiser steps that one rollout serves."""
        return self.mini_batches * self.epochs


@dataclasses.dataclass(frozen=True)
class EvaluationConfig:
    """Validation while training, and the test at the end.

    Attributes:
      every: RL steps between validations; 0 for none but the last.
      problems: of the validation split, the first so many.
      test_problems: of the test split.
      samples: responses to each problem; pass@k is estimated for k up to it.
      temperature: of evaluation samples.
    """

    every: int = 20
    problems: int = 128
    test_problems: int = 384
    samples: int = 16
    temperature: float = 1.0

    def validate(self) -> None:
        """Raises ValueError for a number outside its range."""
        checks.at_least("evaluation.every", self.every, 0)
        for name in ("problems", "test_problems", "samples"):
            checks.at_least(f"evaluation.{name}", getattr(self, name), 1)
        checks.positive("evaluation.temperature", self.temperature)


@dataclasses.dataclass(frozen=True)
class Wandb:
    """Weights & Biases, beside TensorBoard and under the same names; off without a project.

    Attributes:
      project: of the account; "" for none, which imports nothing.
      entity: user or team; "" for the account's own.
      group: runs that belong together; "" for none.
      mode: "online"; "offline", to be sent later with `wandb sync`; or "disabled".
    """

    project: str = ""
    entity: str = ""
    group: str = ""
    mode: Literal["online", "offline", "disabled"] = "online"

    def validate(self) -> None:
        """Raises ValueError for an unknown mode, or where the library is asked for and missing."""
        modes = typing.get_args(typing.get_type_hints(Wandb)["mode"])
        if self.mode not in modes:
            raise ValueError(f"wandb.mode is {self.mode!r}; choose one of {', '.join(map(repr, modes))}")
        if self.project and importlib.util.find_spec("wandb") is None:
            raise ValueError(
                f"wandb.project is {self.project!r}, but wandb is not installed; pip install wandb, "
                "or set wandb.project=''"
            )


@dataclasses.dataclass(frozen=True)
class CheckpointConfig:
    """What is kept of a run.

    Attributes:
      every: RL steps between checkpoints.
      keep: how many of the newest are kept, besides the best on validation.
      samples_every: RL steps between entries of samples.jsonl.
    """

    every: int = 20
    keep: int = 2
    samples_every: int = 20

    def validate(self) -> None:
        """Raises ValueError for a number outside its range."""
        for name in ("every", "keep", "samples_every"):
            checks.at_least(f"checkpoint.{name}", getattr(self, name), 1)


@dataclasses.dataclass(frozen=True)
class Ledger:
    """Where entropy goes: its change at visited states, booked by what kind of token was sampled there.

    A ledger needs the parameters from before a step beside those after it, and two passes over its rows.

    Attributes:
      every: RL steps between entries; 0 for no ledger, which costs nothing.
      rows: responses of the step that are looked at, rounded up to whole groups on each device; 0 for all of them.
      probe: also follow a fixed set of the first policy's own answers, at each validation: which of its forking tokens
        are forks still, and which of its rare right tokens are still possible.
    """

    every: int = 5
    rows: int = 64
    probe: bool = False

    def validate(self) -> None:
        """Raises ValueError for a number outside its range."""
        for name in ("every", "rows"):
            checks.at_least(f"ledger.{name}", getattr(self, name), 0)
        if self.probe and not self.every:
            raise ValueError("ledger.probe is on, but ledger.every = 0 keeps no ledger; set ledger.every, such as 5")
