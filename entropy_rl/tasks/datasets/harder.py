"""Minerva, OlympiadBench and OMNI-MATH: harder tests, with answers of every kind."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from entropy_rl.tasks.columns import Columns
from entropy_rl.tasks.datasets.dataset import Dataset, Source, hub
from entropy_rl.tasks.datasets.published import Published

MINERVA = Dataset(
    name="minerva",
    title="Minerva (courses of MIT)",
    sources=(Source("test", "test.jsonl", hub("math-ai/minervamath", "test.jsonl")),),
    columns=(Columns("question", "answer"), Columns("problem", "answer")),
    final="auto",
    homepage="https://huggingface.co/datasets/math-ai/minervamath",
    licence="CC-BY-NC-SA, as MIT OpenCourseWare; see the homepage",
    citation="Lewkowycz et al. 2022, Solving Quantitative Reasoning Problems, https://arxiv.org/abs/2206.14858",
    rows=(("test", 272),),
)

OLYMPIADBENCH = Dataset(
    name="olympiadbench",
    title="OlympiadBench (open questions of mathematics, text only, English)",
    sources=(
        Source(
            "test",
            "OE_TO_maths_en_COMP.parquet",
            hub("Hothan/OlympiadBench", "OE_TO_maths_en_COMP/train/0000.parquet", "refs%2Fconvert%2Fparquet"),
        ),
    ),
    columns=(
        Columns("question", "final_answer", id="id", labels=("subfield", "answer_type", "unit", "error")),
        Columns("question", "final_answer"),
        Columns("question", "answer"),
    ),
    final="whole",
    homepage="https://huggingface.co/datasets/Hothan/OlympiadBench",
    licence="Apache-2.0",
    citation="He et al. 2024, OlympiadBench, https://arxiv.org/abs/2402.14008",
    rows=(("test", 674),),
)

OMNI_MATH = Dataset(
    name="omni_math",
    title="OMNI-MATH",
    sources=(Source("test", "test.jsonl", hub("KbsdJames/Omni-MATH", "test.jsonl")),),
    columns=(
        Columns("problem", "answer", solution="solution", labels=("difficulty", "source", "domain")),
        Columns("problem", "answer"),
    ),
    final="whole",
    homepage="https://huggingface.co/datasets/KbsdJames/Omni-MATH",
    licence="Apache-2.0",
    citation="Gao et al. 2024, Omni-MATH, https://arxiv.org/abs/2410.07985",
    rows=(("test", 4428),),
)


@dataclasses.dataclass(frozen=True)
class Minerva(Published):
    """Minerva's questions of undergraduate science: a test only."""

    dataset: ClassVar[Dataset] = MINERVA


@dataclasses.dataclass(frozen=True)
class OlympiadBench(Published):
    """OlympiadBench, the part that is mathematics in English without pictures: a test only."""

    dataset: ClassVar[Dataset] = OLYMPIADBENCH


@dataclasses.dataclass(frozen=True)
class OmniMath(Published):
    """OMNI-MATH: a test only."""

    dataset: ClassVar[Dataset] = OMNI_MATH
