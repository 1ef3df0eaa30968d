import dataclasses
import json
import time

import pytest

from entropy_rl.tasks.choices import Choices
from entropy_rl.tasks.choosing import verify
from entropy_rl.tasks.draws import Draws

TEXTS = ["a tree", "a tree house", "the sea", "3"]
ROW = {"question": "Where do most birds nest?", "choices": TEXTS, "answer": "A"}
LINES = ["Where do most birds nest?", "A. a tree", "B. a tree house", "C. the sea", "D. 3"]
PROMPT = "\n".join([*LINES, "Answer with the letter of the right choice."])


def _file(tmp_path, *rows, name="rows.jsonl"):
    path = tmp_path / name
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def _many(count):
    return [ROW | {"question": f"What is {n} + 1?", "choices": [str(n + k) for k in range(4)]} for n in range(count)]


def _only(tmp_path, row, **fields):
    task = Choices(_file(tmp_path, row), validation_share=0.0, test_share=0.0, **fields)
    task.validate()
    return task.problem("train", 0)


def test_the_prompt_shows_lettered_choices_and_what_to_do(tmp_path):
    problem = _only(tmp_path, ROW)
    assert (problem.prompt, problem.answer) == (PROMPT, "A")
    assert problem.metadata == {"task": "choices", "choices": TEXTS}
    assert _only(tmp_path, ROW, instruction="").prompt == PROMPT.rsplit("\n", 1)[0]
    assert _only(tmp_path, ROW, instruction="").id == problem.id


@pytest.mark.parametrize(
    ("choices", "answer", "letter"),
    [
        (TEXTS, "C", "C"),
        (TEXTS, 2, "C"),
        (TEXTS, 0, "A"),
        (TEXTS, "2", "C"),
        (TEXTS, "3", "D"),  # the text of a choice before its number
        (TEXTS, "The  Sea", "C"),
        ({"label": ["A", "B", "C"], "text": ["x", "y", "z"]}, "B", "B"),  # CommonsenseQA
        ({"label": ["1", "2", "3"], "text": ["x", "y", "z"]}, "1", "A"),  # ARC numbers some of its labels from 1
        ({"label": ["1", "2", "3"], "text": ["x", "y", "z"]}, 1, "A"),
        ([{"label": "A", "text": "x"}, {"label": "B", "text": "y"}], "B", "B"),
    ],
)
def test_every_way_to_write_choices_and_answers_is_read(tmp_path, choices, answer, letter):
    assert _only(tmp_path, ROW | {"choices": choices, "answer": answer}).answer == letter


def test_nested_columns_are_named_with_dots(tmp_path):
    row = {"q": {"stem": "Why?", "of": ["x", "y"]}, "key": "B"}
    problem = _only(tmp_path, row, question="q.stem", choices="q.of", answer="key")
    assert (problem.prompt.splitlines()[:3], problem.answer) == (["Why?", "A. x", "B. y"], "B")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"answer": "E"}, r"line 1, column 'answer' holds 'E', which names none .* \(A, B, C, D\), a number in 0..3"),
        ({"answer": 4}, "holds 4, which names none"),
        ({"answer": True}, "holds True"),
        ({"answer": None}, "holds None"),
        ({"answer": "٢"}, "names none"),
        ({"choices": ["x"]}, "list of 2 to 26 choices"),
        ({"choices": "A B C"}, "list of 2 to 26 choices"),
        ({"choices": ["x", " X"]}, "two choices with the same text"),
        ({"choices": {"label": ["A"], "text": ["x", "y"]}}, "list of 2 to 26 choices"),
        ({"choices": [{"label": "A", "text": "x"}, {"label": "A", "text": "y"}]}, "two choices with the same label"),
        ({"choices": ["x", ""]}, "is no text"),
        ({"question": None}, "column 'question' holds None, which is no text"),
    ],
)
def test_a_broken_row_is_named_with_its_line_and_a_remedy(tmp_path, changes, words):
    with pytest.raises(ValueError, match=words):
        Choices(_file(tmp_path, ROW | changes)).validate()


def test_a_missing_column_file_or_share_is_named(tmp_path):
    path = _file(tmp_path, ROW)
    with pytest.raises(ValueError, match="no column 'answerKey'; it has 'question', 'choices', 'answer'"):
        Choices(path, answer="answerKey").validate()
    with pytest.raises(ValueError, match="does not exist"):
        Choices(str(tmp_path / "none.jsonl")).validate()
    with pytest.raises(ValueError, match="test_share = 1.5 is a share"):
        Choices(path, test_share=1.5).validate()
    with pytest.raises(ValueError, match="leaves nothing to train on"):
        Choices(path, validation_share=0.5, test_share=0.5).validate()


def test_splits_are_disjoint_stable_and_about_as_large_as_asked(tmp_path):
    rows = _many(400)
    task = Choices(_file(tmp_path, *rows))
    ids = {split: {problem.id for problem in task.problems(split)} for split in ("train", "validation", "test")}
    assert sum(map(len, ids.values())) == len(set().union(*ids.values())) == 400
    for split in ("validation", "test"):
        assert abs(len(ids[split]) - 40) < 4 * 6  # standard deviation sqrt(400 * .1 * .9) = 6
    shuffled = Choices(_file(tmp_path, *reversed(rows), name="shuffled.jsonl"))
    assert {problem.id for problem in shuffled.problems("test")} == ids["test"]


def test_a_test_file_of_its_own_is_the_whole_test_and_leaks_nothing(tmp_path):
    rows = _many(20)
    task = Choices(_file(tmp_path, *rows), test=_file(tmp_path, *rows[:5], name="test.jsonl"), validation_share=0.0)
    assert [task.size(split) for split in ("train", "validation", "test")] == [15, 0, 5]


RIGHT = [
    "A", "a", "(A)", "A.", "A)", " A \n", "\\boxed{A}", "$\\boxed{\\text{A}}$", "<answer>A</answer>",
    "The answer is A.", "The answer is (a) a tree.", "Birds fly.\nSo the answer is: A", "#### A", "Answer: A. a tree",
    "a tree", "A tree.", "I think of the sea.\n\nA", "the answer is option A", "The answer is A because trees are high",
    "**A**", "\\boxed{(A)}", "B? No.\nThe answer is **A**.", "The answer is: A) A TREE", "<answer>A: a tree</answer>",
]  # fmt: skip
WRONG = [
    "B", "(b)", "C. the sea", "\\boxed{D}", "the sea", "3", "A or B", "A, B", "A. B", "(A) or (B)", "A/B", "A B C D",
    "", "E", "AA", "A. a tree or C. the sea", "The answer is not A", "trees", "The answer is B. Not A.", "A\nB",
    "A. the sea", "A) a tree; B) a tree house", "a tree and the sea", "\\boxed{A} no, \\boxed{B}", "<answer></answer>",
    "Ａ or B", "Α", "А", "A" * 50, "apple", "an answer", "A tree grows", "\\boxed{}", "A. a tree, (b) a tree house",
]  # fmt: skip


@pytest.mark.parametrize("response", RIGHT)
def test_the_right_choice_is_accepted_by_letter_or_in_full(response):
    verdict = verify("A", TEXTS, response)
    assert (verdict.score, verdict.answer, verdict.components["format"]) == (1.0, "A", 1.0), verdict


@pytest.mark.parametrize("response", WRONG)
def test_another_choice_several_or_none_are_wrong(response):
    verdict = verify("A", TEXTS, response)
    assert (verdict.score, verdict.undecided) == (0.0, False)
    assert verdict.answer != "A" and verdict.reason != "correct"


def test_a_choice_that_holds_another_is_no_second_one():
    assert verify("B", TEXTS, "B. a tree house").answer == "B"
    assert verify("B", TEXTS, "a tree house").answer == "B"


def test_a_reason_says_what_was_chosen_or_why_nothing_was():
    assert verify("A", TEXTS, "C").reason == "C (the sea) is not the right choice"
    assert verify("A", TEXTS, "hm").reason == "no choice is named; answer with one of A, B, C, D"
    assert verify("A", TEXTS, "A. or C").reason == "A, C are named; commit to one choice"


def _hostile_texts():
    """More than 200 texts that broke other verifiers, or could."""
    marks = [
        "\x00",
        "\u200d",
        "\ud800",
        "\u202e",
        "\ufeff",
        "\\",
        "{",
        "}",
        "(",
        "[",
        "<answer>",
        "\\boxed{",
        "####",
        "%s",
    ]
    texts = [f"{a}{b}{c}" for a in marks for b in ("", "E", "A B ") for c in marks]
    texts += ["\\boxed{" * 100_000, "(" * 10**6, "A" * 10**6, " " * 3_000_000, "\n" * 10**6, "the answer is " * 200_000]
    texts += ["<answer>" * 200_000 + "B", "A or B " * 200_000, "__import__('os').system('true')", "[" * 190, "{0}"]
    texts += [
        "\\text{" * 300,
        "**" * 900,
        "A" + "." * 1_900 + "B",
        "A, " * 600,
        "Option " * 250,
        "A) " + "a tree " * 250,
    ]
    return texts


def test_hostile_texts_get_a_clean_verdict_at_once():
    texts = _hostile_texts()
    assert len(set(texts)) > 200
    start = time.process_time()
    for text in texts:
        verdict = verify("D", TEXTS, text)
        assert (verdict.score, verdict.undecided) == (0.0, False), ascii(text[:60])
        assert len(verdict.reason) < 200
    assert time.process_time() - start < 5.0  # measured 1 s; the texts hold 20 million characters


def test_random_words_never_raise_and_never_make_two_choices_right():
    draws = Draws("monkey")
    words = [*"ABCDabcd().:,;", "or", "the answer is", "a tree", "the sea", "\\boxed{", "}", "\n", " ", "3"]
    for _ in range(2_000):
        text = " ".join(words[draws.below(len(words))] for _ in range(draws.below(10)))
        right = [letter for letter in "ABCD" if verify(letter, TEXTS, text).score == 1.0]
        assert right in ([], [verify("A", TEXTS, text).answer])


def test_the_task_is_a_value_without_tokenizer_or_lengths(tmp_path):
    task = Choices(_file(tmp_path, ROW))
    assert task == dataclasses.replace(task) and hash(task) == hash(dataclasses.replace(task))
    assert (task.tokenizer, task.max_prompt_tokens, task.max_response_tokens) == (None, 0, 0)
    assert task.number_of_routes(task.problems("train")[0] if task.size("train") else _only(tmp_path, ROW)) == 1
