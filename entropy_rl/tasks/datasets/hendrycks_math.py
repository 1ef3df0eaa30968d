"""MATH: competition problems with worked solutions, and MATH-500, the part of its test that most reports use."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from entropy_rl.tasks.columns import Columns
from entropy_rl.tasks.datasets.dataset import Dataset, Source, hub
from entropy_rl.tasks.datasets.published import Published

_COPY = "DigitalLearningGmbH/MATH-lighteval"
_CITATION = (
    "Hendrycks et al. 2021, Measuring Mathematical Problem Solving With the MATH Dataset, "
    "https://arxiv.org/abs/2103.03874"
)

MATH = Dataset(
    name="math",
    title="MATH",
    sources=(
        Source("train", "train.parquet", hub(_COPY, "data/train-00000-of-00001.parquet")),
        Source("test", "test.parquet", hub(_COPY, "data/test-00000-of-00001.parquet")),
    ),
    columns=(
        Columns("problem", "solution", solution="solution", labels=("level", "type")),
        Columns("problem", "solution", solution="solution", labels=("level",)),
    ),
    final="boxed",
    homepage="https://github.com/hendrycks/math",
    licence="MIT (code and data as published; the problems are those of the MAA and of Art of Problem Solving)",
    citation=_CITATION,
    rows=(("train", 7500), ("test", 5000)),
    validation_share=0.05,
    excludes=("math500",),
)

MATH500 = Dataset(
    name="math500",
    title="MATH-500",
    sources=(Source("test", "test.jsonl", hub("HuggingFaceH4/MATH-500", "test.jsonl")),),
    columns=(
        Columns("problem", "answer", id="unique_id", solution="solution", labels=("level", "subject")),
        Columns("problem", "answer"),
    ),
    final="whole",
    homepage="https://github.com/openai/prm800k",
    licence="MIT",
    citation=f"Lightman et al. 2023, Let's Verify Step by Step, https://arxiv.org/abs/2305.20050; {_CITATION}",
    rows=(("test", 500),),
)


@dataclasses.dataclass(frozen=True)
class Math(Published):
    """MATH: 7,500 problems to train on, 5,000 to be tested on."""

    dataset: ClassVar[Dataset] = MATH


@dataclasses.dataclass(frozen=True)
class Math500(Published):
    """MATH-500: a test only."""

    dataset: ClassVar[Dataset] = MATH500
