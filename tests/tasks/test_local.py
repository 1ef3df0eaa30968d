"""A user's own problems: what is read, what is held out, and what is said of rows that cannot be read."""

from __future__ import annotations

import csv
import dataclasses
import json
import pathlib

import pytest

from entropy_rl import overrides
from entropy_rl.problem import Role
from entropy_rl.tasks.local import LocalProblems, Problems
from entropy_rl.tasks.splits import SPLITS
from tests.tasks import make_files

ROWS = [{"question": f"What is {n} + {n}?", "answer": 2 * n} for n in range(200)]


def problems_of(task) -> dict[str, list]:
    return {split: [task.problem(split, index) for index in range(task.size(split))] for split in SPLITS}


def write(folder: pathlib.Path, *lines: str, name: str = "rows.jsonl") -> str:
    path = folder / name
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return str(path)


def test_one_line_makes_a_task_of_a_list_of_dicts():
    task = Problems(ROWS)
    task.validate()
    found = problems_of(task)
    assert sum(map(len, found.values())) == 200 and all(found.values())
    first = found["train"][0]
    assert task.verify(first, f"The answer is \\boxed{{{first.answer}}}.").score == 1.0
    assert task.verify(first, "I do not know").score == 0.0
    assert task.roles([1, 2]) == [Role.OTHER] * 2 and task.tokenizer is None and task.max_prompt_tokens == 0


class Loaded:
    """What a loaded dataset looks like: a length, and rows by number."""

    def __len__(self) -> int:
        return len(ROWS)

    def __getitem__(self, index: int) -> dict:
        return ROWS[index]


def test_a_loaded_dataset_is_the_list_of_its_rows():
    assert problems_of(Problems(Loaded())) == problems_of(Problems(ROWS))


def test_splits_depend_on_each_problem_alone():
    """Neither the order of the rows nor new ones move a problem from train to test."""
    before = {problem.id: split for split, found in problems_of(Problems(ROWS[:100])).items() for problem in found}
    after = {problem.id: split for split, found in problems_of(Problems(ROWS[::-1])).items() for problem in found}
    assert before.items() <= after.items()


def test_about_the_asked_share_is_held_out():
    task = Problems(ROWS, validation_share=0.2, test_share=0.1)
    assert 25 <= (task.size("validation") or 0) <= 55 and 8 <= (task.size("test") or 0) <= 34  # 40 +- 3 sd, 20 +- 3 sd


def test_what_is_held_out_is_not_trained_on_whatever_it_is_called():
    test = [{"question": "what  is 5 + 5? ", "answer": 10}]
    task = Problems(ROWS, test=test, validation_share=0.0)
    assert task.size("test") == 1 and task.size("train") == 199
    assert task.left_out.leaked == 1 and task.left_out.conflicting == 0


def test_the_first_problems_of_a_held_out_split_are_a_fair_sample_of_a_sorted_file():
    rows = [{"question": f"{n}?", "answer": n // 100} for n in range(400)]  # four subjects of a hundred each
    task = Problems([{"question": "a", "answer": 1}], test=rows)
    first = [task.problem("test", index).answer for index in range(80)]
    assert all(8 <= first.count(subject) <= 32 for subject in "0123")  # 20 +- 3 standard deviations of 3.9


def test_repeated_rows_count_once_and_contradictions_are_counted():
    rows = [*ROWS, {"question": "WHAT is 1 + 1?", "answer": 2}, {"question": "What is 2 + 2?", "answer": 5}]
    left_out = Problems(rows).left_out
    assert (left_out.repeated, left_out.leaked, left_out.conflicting) == (2, 0, 1)


def test_rows_fit_into_a_config_without_being_written_out():
    flat = overrides.flatten(Problems(ROWS))
    assert len(flat) < 15 and flat["rows"] == repr(Problems(list(ROWS)).rows)
    changed = [*ROWS[:-1], {"question": "What is 199 + 199?", "answer": 0}]
    assert overrides.flatten(Problems(changed))["rows"] != flat["rows"]
    assert Problems(ROWS) == Problems(list(ROWS)) and hash(Problems(ROWS)) == hash(Problems(list(ROWS)))


def test_files_of_gsm8k_and_math_are_read_as_they_are(tmp_path):
    train, test = make_files.write_gsm8k(tmp_path / "gsm8k")
    task = LocalProblems(str(train), test=str(test), name="gsm8k")
    task.validate()
    assert task.size("test") == 60 and sum(task.size(split) or 0 for split in SPLITS) == 300
    assert all(problem.answer.isdigit() for problem in problems_of(task)["train"])
    train, test = make_files.write_math(tmp_path / "math")
    task = LocalProblems(str(train), prompt="problem", answer="solution", test=str(test), labels=("level",))
    problems = problems_of(task)["train"]
    assert {problem.metadata["level"] for problem in problems} == {f"Level {n}" for n in (1, 2, 3, 4)}
    for problem in problems:  # every reference can be read, so that its own solution is right
        assert task.verify(problem, f"So it is $\\boxed{{{problem.answer}}}$.").score == 1.0, problem


@pytest.mark.parametrize("suffix", [".json", ".csv", ".parquet"])
def test_every_format_gives_the_same_problems(tmp_path, suffix):
    path = tmp_path / f"rows{suffix}"
    if suffix == ".json":
        path.write_text(json.dumps({"data": ROWS}))
    elif suffix == ".csv":
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, ["question", "answer"])
            writer.writeheader()
            writer.writerows(ROWS)
    else:
        pyarrow = pytest.importorskip("pyarrow")
        parquet = pytest.importorskip("pyarrow.parquet")
        parquet.write_table(pyarrow.Table.from_pylist(ROWS), path)
    assert problems_of(LocalProblems(str(path), name="problems")) == problems_of(Problems(ROWS))


def test_nested_columns_and_conversations_are_reached_by_their_path():
    row = {"prompt": [{"role": "user", "content": "1+1?"}], "reward_model": {"ground_truth": "2"}}
    rows = [{**row, "prompt": [{"role": "user", "content": f"{n}?"}]} for n in range(30)]
    for prompt in ("prompt", "prompt.0.content"):
        task = Problems(rows, prompt=prompt, answer="reward_model.ground_truth")
        assert task.problem("train", 0).answer == "2" and task.problem("train", 0).prompt.endswith("?")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (['{"question": "a", "answer": 1}', '{"question": "b"}'], "line 2 has no column 'answer'"),
        (['{"questions": "a", "answer": 1}'], "line 1 has no column 'question'; did you mean 'questions'"),
        (['{"question": "a", "answer": 1}', "{"], "line 2 is not JSON"),
        (["[1, 2]"], "line 1 is a list, not an object"),
        (['{"question": "", "answer": 1}'], "line 1, column 'question' is blank"),
        (['{"question": "a", "answer": null}'], "line 1, column 'answer' is empty, not text"),
        (['{"question": "a", "answer": true}'], "line 1, column 'answer' is a bool"),
        (['{"question": "a", "answer": NaN}'], "line 1, column 'answer' is nan"),
        (['{"question": "a", "answer": {"b": 1}}'], "line 1, column 'answer' is a dict"),
        (['{"question": "a", "answer": ' + "[" * 100_000 + "]" * 100_000 + "}"], "line 1 (is nested|, column)"),
        (['{"question": "a", "answer": ' + "9" * 5000 + "}"], "line 1 is not JSON"),
        (['{"question": "' + "a" * 1_000_001 + '", "answer": 1}'], "has 1000001 characters; at most 1000000"),
    ],
)
def test_a_row_that_cannot_be_read_is_named_with_its_line(tmp_path, lines, message):
    with pytest.raises(ValueError, match=message):
        LocalProblems(write(tmp_path, *lines)).validate()


def test_text_that_is_not_utf8_is_named(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"question": "a", "answer": 1}\n{"question": "\xff", "answer": 1}\n')
    with pytest.raises(ValueError, match="line 2 is not UTF-8"):
        LocalProblems(str(path)).validate()


def test_lone_surrogates_and_control_characters_stay_text(tmp_path):
    path = write(tmp_path, '{"question": "a\\ud800\\u0000b", "answer": "1"}', '{"question": "c", "answer": "1"}')
    prompts = [problem.prompt for found in problems_of(LocalProblems(path)).values() for problem in found]
    assert "a?\0b" in prompts  # what no tokenizer could take is a question mark


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("question,answer\na,b,c\n", "line 2 has 3 columns, the first line 2"),
        ("question,answer\na\n", "line 2 has 1 columns, the first line 2"),
        ("question,question\na,b\n", "names a column twice"),
        ('question,answer\n"a,b\n', "is not CSV"),
    ],
)
def test_broken_csv_is_named_with_its_line(tmp_path, text, message):
    path = tmp_path / "rows.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        LocalProblems(str(path)).validate()


@pytest.mark.parametrize(
    ("path", "message"), [("nowhere.jsonl", "does not exist"), ("rows.txt", "ends in '.txt'"), (".", "is a folder")]
)
def test_a_path_that_is_no_file_of_rows_is_refused(tmp_path, path, message):
    write(tmp_path, "a", name="rows.txt")
    with pytest.raises(ValueError, match=message):
        LocalProblems(str(tmp_path / path)).validate()


def test_a_damaged_parquet_file_is_named(tmp_path):
    pytest.importorskip("pyarrow")
    with pytest.raises(ValueError, match="rows.parquet is not Parquet"):
        LocalProblems(write(tmp_path, "PAR1 not", name="rows.parquet")).validate()


def test_ids_of_a_column_are_unique():
    rows = [{"question": "a", "answer": 1, "id": 7}, {"question": "b", "answer": 2, "id": 7}]
    with pytest.raises(ValueError, match="row 1 has the id 'problems/7' of problems, row 0"):
        Problems(rows, id="id").validate()


def test_answers_of_two_kinds_are_not_guessed():
    rows = [{"question": str(n), "answer": f"so\n#### {n}"} for n in range(5)] + [{"question": "x", "answer": "6"}]
    with pytest.raises(ValueError, match="row 5, column 'answer' has no ####, as 5 of 6 rows have"):
        Problems(rows).validate()
    assert Problems(rows, final="whole").size("train") is not None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"validation_share": 1.0}, "validation_share = 1.0 is a share"),
        ({"validation_share": 0.5, "test_share": 0.5}, "leaves nothing to train on"),
        ({"final": "last"}, "final = 'last' is unknown"),
    ],
)
def test_a_field_outside_its_range_is_named(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(Problems(ROWS), **change).validate()


@pytest.mark.parametrize("rows", ["text", {"question": "a"}, 5])
def test_what_is_no_list_of_rows_is_refused(rows):
    with pytest.raises(ValueError, match="give a list of dicts, or a loaded dataset"):
        Problems(rows)


def test_rows_that_are_no_dicts_are_named():
    with pytest.raises(ValueError, match="row 0 is a str, not a dict"):
        Problems(["a"])


def test_a_position_outside_the_split_is_refused():
    with pytest.raises(ValueError, match="outside the test split"):
        Problems(ROWS).problem("test", 10**6)
    with pytest.raises(ValueError, match="split 'dev' is unknown"):
        Problems(ROWS).size("dev")
