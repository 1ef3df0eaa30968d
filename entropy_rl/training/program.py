"""One compiled program of a run, before it is compiled."""

from __future__ import annotations

import dataclasses
from typing import Any

import jax
from jax.sharding import Mesh

from entropy_rl.config import UpdateConfig
from entropy_rl.parallel import sharding
from entropy_rl.training import length_buckets

KINDS = ("publish", "sampling", "scoring", "update", "data")  # what a program does, for estimates of its time


@dataclasses.dataclass(frozen=True)
class Program:
    """One compiled program.

    Attributes:
      name: unique in its run.
      phase: of a step.
      kind: one of `KINDS`.
      function: under jax.jit.
      arguments, options: shapes with shardings, and what is static.
      mesh: in context while it is traced.
      times: that it runs in one RL step, evaluation left out.
      beside: bytes on each device that a run keeps beside its arguments.
      prompts, responses: rows that it computes; 0 where it computes none.
      prompt_tokens, response_tokens: their lengths, at most.
      turns: of loops that end by what they computed, at most, or on average where there are several in its place.
      waves: of responses that are decoded after each other, for want of slots.
    """

    name: str
    phase: str
    kind: str
    function: Any
    arguments: tuple[Any, ...]
    mesh: Mesh
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    times: float = 1.0
    beside: int = 0
    prompts: int = 0
    responses: int = 0
    prompt_tokens: int = 0
    response_tokens: int = 0
    turns: float = 1.0
    waves: int = 1

    def cut(self, update: UpdateConfig) -> length_buckets.Cut:
        """How a program that scores, or takes gradients, cuts its rows."""
        pieces = update.micro_batches * (1 if self.kind == "update" else update.mini_batches)
        return length_buckets.cut_of(
            self.prompts, self.responses // self.prompts, self.prompt_tokens, self.response_tokens,
            sharding.batch_shards(self.mesh), pieces, update.buckets,
        )  # fmt: skip

    def lower(self) -> Any:
        """Traced and lowered, not yet compiled."""
        with jax.set_mesh(self.mesh):
            return self.function.lower(*self.arguments, **self.options)
