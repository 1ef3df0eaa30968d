"""Datasets are prepared from files of their true schemas, read back at random, and never trained on where held out."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys

import pytest

from entropy_rl.problem import Problem
from entropy_rl.tasks import datasets
from entropy_rl.tasks.countdown import Countdown
from entropy_rl.tasks.datasets import builder
from entropy_rl.tasks.splits import SPLITS
from tests.tasks import make_files

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
AFFIXES = datasets.DapoMath.dataset.affixes


def dapo_row(question: str, answer: str, index: int) -> dict:
    """As in the published file: one message of a user, with instructions around the problem."""
    content = f"{AFFIXES[0]}\n\n{question}\n\n{AFFIXES[1]}"
    return {
        "data_source": "math_dapo",
        "prompt": [{"content": content, "role": "user"}],
        "ability": "MATH",
        "reward_model": {"ground_truth": answer, "style": "rule-lighteval/MATH_v2"},
        "extra_info": {"index": str(index)},
    }


ROWS = {
    "math500": {
        "problem": "What is $1+1$?", "solution": r"It is $\boxed{2}$.", "answer": "2", "subject": "Prealgebra",
        "level": 1, "unique_id": "test/prealgebra/1.json",
    },
    "aime24": {"id": 60, "problem": "Find $m+n$.", "solution": "so", "answer": "073", "url": "u", "year": "2024"},
    "aime25": {"question": "Find $m+n$ again.", "answer": "204"},
    "amc": {"id": 0, "problem": "What is $x$?", "answer": 142.0, "url": "u"},
    "amc23": {"id": 0, "question": "What is $y$?", "answer": 27.0, "url": "u"},
    "minerva": {"question": "What is the mass?", "answer": r"4.5e33"},
    "olympiadbench": {
        "id": 1606, "question": "Find all.", "solution": ["so"], "final_answer": ["2", "3"], "context": None,
        "modality": "Text-only", "difficulty": "Competition", "is_multiple_answer": True, "unit": None,
        "answer_type": "Numerical", "error": None, "question_type": "Open-ended", "subfield": "Algebra",
        "subject": "Math", "language": "English",
    },
    "omni_math": {
        "domain": ["Mathematics -> Algebra"], "difficulty": 8.0, "problem": "Let $a$ be.", "solution": "so",
        "answer": r"\frac{1}{2}", "source": "china_national_olympiad",
    },
}  # fmt: skip
ANSWERS = {
    "math500": "2", "aime24": "073", "aime25": "204", "amc": "142", "amc23": "27", "minerva": "4.5e33",
    "olympiadbench": "2, 3", "omni_math": r"\frac{1}{2}",
}  # fmt: skip


def put(folder: pathlib.Path, name: str, *rows: dict) -> None:
    """Files of a dataset's schema in a manual folder; Parquet where the dataset has it and pyarrow is there."""
    for source in datasets.BY_NAME[name].dataset.sources:
        path = folder / name / source.file
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".parquet":
            pyarrow = pytest.importorskip("pyarrow")
            parquet = pytest.importorskip("pyarrow.parquet")
            parquet.write_table(pyarrow.Table.from_pylist(list(rows)), path)
        else:
            make_files.write_jsonl(path, list(rows))


def problems_of(task: datasets.Published) -> dict[str, list[Problem]]:
    return {split: [task.problem(split, index) for index in range(task.size(split) or 0)] for split in SPLITS}


@pytest.mark.parametrize("name", ROWS)
def test_a_test_of_its_true_schema_is_read(tmp_path, name):
    put(tmp_path, name, ROWS[name])
    dataset = datasets.BY_NAME[name].dataset
    builder.prepare(dataset, str(tmp_path / "data"), str(tmp_path))
    task = datasets.BY_NAME[name](str(tmp_path / "data"))
    task.validate()
    found = problems_of(task)
    assert (
        not found["train"] and not found["validation"] and len(found["test"]) == 1
    )  # the two halves of aime25 are one
    problem = found["test"][0]
    assert problem.answer == ANSWERS[name] and problem.id.startswith(f"{name}/")
    assert problem.metadata["task"] == name


def test_gsm8k_and_math_are_cut_into_three_splits(tmp_path):
    make_files.write_gsm8k(tmp_path / "gsm8k")
    make_files.write_math(tmp_path / "math")
    for name in ("gsm8k", "math"):
        done = builder.prepare(datasets.BY_NAME[name].dataset, str(tmp_path / "data"), str(tmp_path))
        found = problems_of(datasets.BY_NAME[name](str(tmp_path / "data")))
        assert {split: len(problems) for split, problems in found.items()} == dict(done.sizes)
        assert done.sizes["test"] == 60 and done.sizes["train"] + done.sizes["validation"] == 240
        assert 0 < done.sizes["validation"] < 30  # a twentieth of 240 is 12
        texts = [problem.prompt for problems in found.values() for problem in problems]
        assert len(set(texts)) == 300
    assert found["train"][0].metadata.keys() == {"task", "solution", "level", "type"}


def test_dapo_loses_its_copies_its_instructions_and_what_is_held_out_elsewhere(tmp_path):
    put(tmp_path, "aime24", ROWS["aime24"])
    rows = [dapo_row(f"What is ${n}$?", str(n), n) for n in range(30)]
    leaked = dapo_row("find  $M+N$.", "73", 99)
    put(tmp_path, "dapo_math", *rows * 3, leaked)
    every = [task.dataset for task in datasets.TASKS]
    builder.prepare(datasets.Aime24.dataset, str(tmp_path / "data"), str(tmp_path))
    done = builder.prepare(datasets.DapoMath.dataset, str(tmp_path / "data"), str(tmp_path), every)
    assert done.left_out.repeated == 60 and done.left_out.leaked == 1
    found = problems_of(datasets.DapoMath(str(tmp_path / "data")))
    assert not found["test"] and len(found["train"]) + len(found["validation"]) == 30
    assert {problem.prompt for problem in found["train"]} <= {f"What is ${n}$?" for n in range(30)}


def test_a_test_may_hold_what_another_test_holds(tmp_path):
    """MATH-500 is a part of MATH's test: nothing is taken from it, and nothing counts as repeated."""
    put(tmp_path, "math500", ROWS["math500"])
    row = {"problem": ROWS["math500"]["problem"], "solution": r"$\boxed{2}$", "level": "Level 1", "type": "Prealgebra"}
    other = row | {"problem": "What is $2+2$?"}
    put(tmp_path, "math", row)
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.Table.from_pylist([row, other]), tmp_path / "math" / "train.parquet")
    every = [task.dataset for task in datasets.TASKS]
    builder.prepare(datasets.Math500.dataset, str(tmp_path / "data"), str(tmp_path))
    done = builder.prepare(datasets.Math.dataset, str(tmp_path / "data"), str(tmp_path), every)
    assert done.sizes["test"] == 1 and done.sizes["train"] + done.sizes["validation"] == 1
    assert (done.left_out.repeated, done.left_out.leaked, done.left_out.conflicting) == (0, 1, 0)


def test_prepared_again_it_is_replaced(tmp_path):
    for answer in (204, 205):
        put(tmp_path, "aime25", {"question": "Find $m$.", "answer": answer})
        builder.prepare(datasets.Aime25.dataset, str(tmp_path / "data"), str(tmp_path))
    assert datasets.Aime25(str(tmp_path / "data")).problem("test", 0).answer == "205"


def test_a_task_that_makes_its_own_problems_can_be_written_too(tmp_path):
    task = Countdown(max_value=6, validation_problems=8, test_problems=9)
    done = builder.prepare_task("countdown", task, 20, str(tmp_path))
    assert dict(done.sizes) == {"train": 20, "validation": 8, "test": 9}
    import tensorflow_datasets as tfds

    opened = tfds.builder_from_directory(done.folder)
    rows = opened.as_data_source("train")
    first = task.problem("train", 0)
    assert len(rows) == 20 and rows[0]["prompt"].decode() == first.prompt
    assert json.loads(rows[0]["metadata"]) == first.metadata


def test_a_missing_file_is_named_with_its_schema_and_its_place(tmp_path):
    with pytest.raises(ValueError) as caught:
        builder.prepare(datasets.Gsm8k.dataset, str(tmp_path / "data"), str(tmp_path))
    message = str(caught.value)
    for part in (f"train.jsonl is not in {tmp_path / 'gsm8k'}", "test.jsonl", "question, answer", "https://"):
        assert part in message


def test_a_file_of_another_schema_is_refused_with_the_right_one(tmp_path):
    put(tmp_path, "gsm8k", {"problem": "1+1?", "answer": "#### 2"})
    with pytest.raises(ValueError, match=r"line 1 has no column 'question'(.|\n)*with the columns question, answer"):
        builder.prepare(datasets.Gsm8k.dataset, str(tmp_path / "data"), str(tmp_path))


def test_a_row_without_an_answer_is_named(tmp_path):
    make_files.write_jsonl(tmp_path / "gsm8k" / "train.jsonl", [{"question": "1+1?", "answer": "two"}])
    make_files.write_jsonl(tmp_path / "gsm8k" / "test.jsonl", [{"question": "1+2?", "answer": "#### 3"}])
    with pytest.raises(ValueError, match="train.jsonl, line 1, column 'answer' has no ####"):
        builder.prepare(datasets.Gsm8k.dataset, str(tmp_path / "data"), str(tmp_path))


def test_a_dataset_that_is_not_prepared_says_how_to_prepare_it(tmp_path):
    with pytest.raises(ValueError, match="python -m entropy_rl.data prepare gsm8k --data_dir"):
        datasets.Gsm8k(str(tmp_path)).validate()


def test_another_number_of_rows_than_published_is_said(tmp_path, caplog):
    put(tmp_path, "aime25", ROWS["aime25"])
    builder.prepare(datasets.Aime25.dataset, str(tmp_path / "data"), str(tmp_path))
    assert "aime25: 2 problems in the test files; 30 were published" in caplog.text


def test_neither_preparing_nor_reading_needs_tensorflow(tmp_path):
    put(tmp_path, "aime25", ROWS["aime25"])
    code = (
        "import sys\n"
        "from entropy_rl.tasks import datasets; from entropy_rl.tasks.datasets import builder\n"
        f"builder.prepare(datasets.Aime25.dataset, {str(tmp_path / 'data')!r}, {str(tmp_path)!r})\n"
        f"assert datasets.Aime25({str(tmp_path / 'data')!r}).problem('test', 0).answer == '204'\n"
        "assert not {'jax', 'tensorflow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, check=True, capture_output=True)


def test_every_dataset_is_described_whole():
    names = [task.dataset.name for task in datasets.TASKS]
    assert len(set(names)) == len(names) == 11
    for task in datasets.TASKS:
        dataset = task.dataset
        assert dataset.licence and dataset.citation and dataset.homepage.startswith("https://") and dataset.columns
        assert set(dataset.excludes) <= set(names)
        for source in dataset.sources:
            assert source.url.startswith("https://") and source.split in ("train", "test")
            assert not source.sha256 or len(source.sha256) == 64
