"""GSM8K: word problems of primary school, in two to eight steps of arithmetic."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from entropy_rl.tasks.columns import Columns
from entropy_rl.tasks.datasets.dataset import Dataset, Source
from entropy_rl.tasks.datasets.published import Published

_REPOSITORY = "https://raw.githubusercontent.com/openai/grade-school-math/master/grade_school_math/data"

GSM8K = Dataset(
    name="gsm8k",
    title="GSM8K",
    sources=(
        Source("train", "train.jsonl", f"{_REPOSITORY}/train.jsonl"),
        Source("test", "test.jsonl", f"{_REPOSITORY}/test.jsonl"),
    ),
    columns=(Columns("question", "answer", solution="answer"),),
    final="hashes",
    homepage="https://github.com/openai/grade-school-math",
    licence="MIT",
    citation="Cobbe et al. 2021, Training Verifiers to Solve Math Word Problems, https://arxiv.org/abs/2110.14168",
    rows=(("train", 7473), ("test", 1319)),
    validation_share=0.05,
)


@dataclasses.dataclass(frozen=True)
class Gsm8k(Published):
    """GSM8K, prepared by `python -m entropy_rl.data prepare gsm8k`."""

    dataset: ClassVar[Dataset] = GSM8K
