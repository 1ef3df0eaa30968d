"""DAPO-Math-17k: competition problems whose answers were rewritten to be integers; to train on.

The published file repeats every problem a hundred times and wraps each in instructions: both are taken off here.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from entropy_rl.tasks.columns import Columns
from entropy_rl.tasks.datasets.dataset import Dataset, Source, hub
from entropy_rl.tasks.datasets.published import Published

DAPO_MATH = Dataset(
    name="dapo_math",
    title="DAPO-Math-17k",
    sources=(
        Source("train", "dapo-math-17k.parquet", hub("BytedTsinghua-SIA/DAPO-Math-17k", "data/dapo-math-17k.parquet")),
    ),
    columns=(
        Columns("prompt", "reward_model.ground_truth", labels=("data_source",)),
        Columns("prompt", "solution", labels=("data_source",)),  # the deduplicated copies on the hub
        Columns("prompt", "answer"),
    ),
    final="whole",
    homepage="https://huggingface.co/datasets/BytedTsinghua-SIA/DAPO-Math-17k",
    licence="Apache-2.0",
    citation="Yu et al. 2025, DAPO: An Open-Source LLM Reinforcement Learning System, https://arxiv.org/abs/2503.14476",
    validation_share=0.02,
    affixes=(
        "Solve the following math problem step by step. The last line of your response should be of the form Answer: "
        "$Answer (without quotes) where $Answer is the answer to the problem.",
        'Remember to put your answer on its own line after "Answer:".',
    ),
    excludes=("aime24", "aime25", "amc", "amc23", "math500", "olympiadbench", "minerva"),
)


@dataclasses.dataclass(frozen=True)
class DapoMath(Published):
    """DAPO-Math-17k: to train on; it has no test, so see mixture.TrainTest."""

    dataset: ClassVar[Dataset] = DAPO_MATH
