"""AIME 2024 and 2025, AMC 2022-2023: small tests with short numerical answers."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from entropy_rl.tasks.columns import Columns
from entropy_rl.tasks.datasets.dataset import Dataset, Source, hub
from entropy_rl.tasks.datasets.published import Published

_MAA = "Problems of the Mathematical Association of America; copies on the hub under Apache-2.0 or MIT"

AIME24 = Dataset(
    name="aime24",
    title="AIME 2024",
    sources=(Source("test", "aime24.parquet", hub("HuggingFaceH4/aime_2024", "data/train-00000-of-00001.parquet")),),
    columns=(
        Columns("problem", "answer", labels=("url",)),
        Columns("Problem", "Answer"),
        Columns("question", "answer"),
    ),
    final="whole",
    homepage="https://huggingface.co/datasets/HuggingFaceH4/aime_2024",
    licence=_MAA,
    citation="American Invitational Mathematics Examination I and II, 2024",
    rows=(("test", 30),),
)

AIME25 = Dataset(
    name="aime25",
    title="AIME 2025",
    sources=(
        Source("test", "aime2025-I.jsonl", hub("opencompass/AIME2025", "aime2025-I.jsonl")),
        Source("test", "aime2025-II.jsonl", hub("opencompass/AIME2025", "aime2025-II.jsonl")),
    ),
    columns=(Columns("question", "answer"), Columns("problem", "answer")),
    final="whole",
    homepage="https://huggingface.co/datasets/opencompass/AIME2025",
    licence=_MAA,
    citation="American Invitational Mathematics Examination I and II, 2025",
    rows=(("test", 30),),
)

AMC = Dataset(
    name="amc",
    title="AMC 12, 2022 and 2023",
    sources=(Source("test", "amc.parquet", hub("AI-MO/aimo-validation-amc", "data/train-00000-of-00001.parquet")),),
    columns=(Columns("problem", "answer", labels=("url",)), Columns("problem", "answer")),
    final="whole",
    homepage="https://huggingface.co/datasets/AI-MO/aimo-validation-amc",
    licence=_MAA,
    citation="American Mathematics Competitions 12, 2022 and 2023, as selected by Project Numina",
    rows=(("test", 83),),
)

AMC23 = Dataset(
    name="amc23",
    title="AMC 12, 2023",
    sources=(Source("test", "amc23.parquet", hub("math-ai/amc23", "test-00000-of-00001.parquet")),),
    columns=(Columns("question", "answer"), Columns("problem", "answer")),
    final="whole",
    homepage="https://huggingface.co/datasets/math-ai/amc23",
    licence=_MAA,
    citation="American Mathematics Competitions 12, 2023",
    rows=(("test", 40),),
)


@dataclasses.dataclass(frozen=True)
class Aime24(Published):
    """AIME 2024: a test only."""

    dataset: ClassVar[Dataset] = AIME24


@dataclasses.dataclass(frozen=True)
class Aime25(Published):
    """AIME 2025: a test only."""

    dataset: ClassVar[Dataset] = AIME25


@dataclasses.dataclass(frozen=True)
class Amc(Published):
    """AMC 12 of 2022 and 2023: a test only."""

    dataset: ClassVar[Dataset] = AMC


@dataclasses.dataclass(frozen=True)
class Amc23(Published):
    """AMC 12 of 2023: a test only."""

    dataset: ClassVar[Dataset] = AMC23
