"""A tiny model of words, as published ones are written, and a task in words that it can be asked."""

from __future__ import annotations

import dataclasses
import hashlib
import pathlib
from collections.abc import Sequence

from entropy_rl.config import AsCheckpoint, Config, EvaluationConfig, HuggingFace, RolloutConfig, UpdateConfig
from entropy_rl.ops.optimizer import AdamW
from entropy_rl.problem import Problem, Verdict
from entropy_rl.tasks.text_task import TextTask
from tests.models.checkpoints import example
from tests.rollout import tiny_tokenizers

DECODER = dataclasses.replace(example.QWEN, vocab_size=320)


@dataclasses.dataclass(frozen=True)
class Digest(TextTask):
    """One of `odds` answers is right, by its digest. Nobody can learn it, and sampling shows in it."""

    count: int = 6
    odds: int = 2

    def problems(self, split: str) -> Sequence[Problem]:
        return [Problem(f"digest/{split}/{n}", f"What is {n} + {n * n}?", str(n)) for n in range(self.count)]

    def verify(self, problem: Problem, response: str) -> Verdict:
        digest = hashlib.sha256(f"{problem.id}/{response}".encode("utf-8", "replace")).digest()[0]
        return Verdict(float(digest % self.odds == 0), answer=str(digest), reason=f"the digest is {digest}")


def write_model(folder: pathlib.Path) -> str:
    """A checkpoint of random weights with its tokenizer; returns its path."""
    arrays = {name: 0.2 * array for name, array in example.tensors(DECODER).items()}
    return tiny_tokenizers.write(example.write(folder, DECODER, arrays))


def config(model: str, task: Digest, prompt_tokens: int = 48) -> Config:
    """Two steps from that checkpoint."""
    return Config(
        name="words",
        task=task,
        policy=AsCheckpoint(compute_dtype="float32"),
        init=HuggingFace(model),
        rollout=RolloutConfig(prompts=4, responses=4, prompt_tokens=prompt_tokens, response_tokens=6),
        optimizer=AdamW(learning_rate=0.03),
        update=UpdateConfig(mini_batches=1),
        evaluation=EvaluationConfig(every=0, problems=4, test_problems=4, samples=4),
        steps=2,
    )
