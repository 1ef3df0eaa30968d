import dataclasses
import os
import subprocess
import sys
import time

import pytest

from entropy_rl.problem import Role
from entropy_rl.tasks.draws import Draws
from entropy_rl.tasks.modular import RunningSums
from entropy_rl.tasks.reversal import Reversal
from entropy_rl.tasks.splits import split_of

REVERSAL, SUMS = Reversal(), RunningSums(modulus=12)
TASKS = pytest.mark.parametrize("task", [REVERSAL, SUMS], ids=["reversal", "sums"])


def _expected(task, prompt):
    """The answer by another road than the package's: from the text, and summed anew for each number."""
    numbers = [int(word) for word in prompt.split(" ")[:-1]]
    if isinstance(task, Reversal):
        return " ".join(str(numbers[-1 - place]) for place in range(len(numbers)))
    return " ".join(str(sum(numbers[: place + 1]) % task.modulus) for place in range(len(numbers)))


def test_the_examples_of_the_documentation_hold():
    assert Reversal().solve([3, 1, 4]) == [4, 1, 3]
    assert RunningSums().solve([3, 9, 4]) == [3, 2, 6]  # 3; 3 + 9 = 12 -> 2; 12 + 4 = 16 -> 6


@TASKS
def test_every_problem_has_the_one_answer_that_another_road_finds(task):
    for index in range(300):
        problem = task.problem("train", index)
        assert problem.prompt.endswith(" >")
        assert task.min_length <= problem.metadata["length"] == len(problem.prompt.split()) - 1 <= task.max_length
        assert problem.answer == _expected(task, problem.prompt)
        verdict = task.verify(problem, f"  {problem.answer.replace(' ', '   ')}"[:40])
        assert (verdict.score, verdict.answer, verdict.reason) == (1.0, problem.answer, "correct")
        assert task.number_of_routes(problem) == 1


@TASKS
def test_no_other_sequence_one_token_away_is_right(task):
    tokenizer = task.tokenizer
    for index in range(4):
        problem = task.problem("train", index)
        tokens = tokenizer.encode(problem.answer)
        for place in range(len(tokens) + 1):
            replaced = [[*tokens[:place], token, *tokens[place + 1 :]] for token in range(2, tokenizer.vocab_size)]
            inserted = [[*tokens[:place], token, *tokens[place:]] for token in range(2, tokenizer.vocab_size)]
            for other in [*replaced, *inserted, tokens[:place] + tokens[place + 1 :]]:
                assert task.verify(problem, tokenizer.decode(other)).score == (other == tokens)


@TASKS
def test_splits_share_no_problem_and_stay_with_another_seed(task):
    train = {task.problem("train", index).id for index in range(600)}
    train |= {task.demonstration(0, index)[0].id for index in range(600)}
    held_out = [{task.problem(split, index).id for index in range(192)} for split in ("validation", "test")]
    assert [len(ids) for ids in held_out] == [192, 192]
    assert not (train & held_out[0] or train & held_out[1] or held_out[0] & held_out[1])
    other = dataclasses.replace(task, seed=1)
    assert {split_of(other.problem("test", index).id) for index in range(50)} == {"test"}


@TASKS
def test_each_number_of_a_demonstration_slips_with_the_stated_chance(task):
    slips = numbers = 0
    for index in range(800):
        problem, response = task.demonstration(0, index)
        assert task.verify(problem, response).components["format"] == 1.0
        pairs = list(zip(problem.answer.split(), response.split(), strict=True))
        slips, numbers = slips + sum(right != shown for right, shown in pairs), numbers + len(pairs)
    assert abs(slips - 0.2 * numbers) < 4 * (numbers * 0.2 * 0.8) ** 0.5
    clean = dataclasses.replace(task, demonstration_noise=0.0)
    assert {clean.verify(*clean.demonstration(0, index)).score for index in range(100)} == {1.0}
    noisy = dataclasses.replace(task, demonstration_noise=1.0)
    assert all(
        right != shown
        for problem, response in (noisy.demonstration(0, index) for index in range(50))
        for right, shown in zip(problem.answer.split(), response.split(), strict=True)
    )


PROGRAM = """
import sys
from entropy_rl.tasks.modular import RunningSums
from entropy_rl.tasks.reversal import Reversal
for task in (Reversal(), RunningSums()):
    print([task.problem(split, i) for split in ("train", "validation", "test") for i in range(40)])
    print([task.demonstration(3, i) for i in range(40)], task.tokenizer.symbols)
assert "jax" not in sys.modules
"""


def test_other_processes_with_other_hash_seeds_see_the_same_data_without_jax():
    outputs = [
        subprocess.run(
            [sys.executable, "-c", PROGRAM], env={**os.environ, "PYTHONHASHSEED": seed}, check=True, capture_output=True
        ).stdout
        for seed in ("0", "1")
    ]
    assert outputs[0] == outputs[1] and len(outputs[0]) > 10_000


GOLDEN_REVERSAL = ["9 0 3 7 >", "2 5 6 6 7 >", "1 0 5 4 >"]
GOLDEN_SUMS = ["2 3 4 0 >", "3 6 9 9 >", "7 5 4 7 >"]


def test_the_first_problems_never_change():
    # golden values: a change here makes old runs and their held-out scores incomparable
    splits = ("train", "validation", "test")
    assert [Reversal().problem(split, 0).prompt for split in splits] == GOLDEN_REVERSAL
    assert [RunningSums().problem(split, 0).prompt for split in splits] == GOLDEN_SUMS


@TASKS
def test_texts_survive_the_round_trip_within_the_promised_lengths(task):
    for index in range(100):
        problem, response = task.demonstration(1, index)
        for text, limit in ((problem.prompt, task.max_prompt_tokens), (response, task.max_response_tokens - 1)):
            tokens = task.tokenizer.encode(text)
            assert task.tokenizer.decode(tokens) == text and len(tokens) <= limit


def test_every_number_is_execution_for_there_is_nothing_to_choose():
    tokens = REVERSAL.tokenizer.encode("3 1 >")
    assert REVERSAL.roles([*tokens, 0, 1, 99]) == [Role.EXECUTION] * 2 + [Role.OTHER] * 4


@pytest.mark.parametrize(
    ("text", "reason", "readable"),
    [
        ("4 2 3", "number 2: '2' should be '1'", 1.0),
        ("4 1", "2 numbers are written, 3 are asked for", 1.0),
        ("4 1 3 3", "4 numbers are written, 3 are asked for", 1.0),
        ("", "0 numbers are written, 3 are asked for", 0.0),
        ("4 x 3", "number 2: 'x' should be '1'", 0.0),
        ("4 > 3", "number 2: '>' should be '1'", 0.0),
        ("04 1 3", "number 1: '04' should be '4'", 0.0),
    ],
)
def test_a_reason_names_the_first_wrong_number(text, reason, readable):
    problem = dataclasses.replace(REVERSAL.problem("train", 0), prompt="3 1 4 >", answer="4 1 3")
    verdict = REVERSAL.verify(problem, text)
    assert (verdict.score, verdict.reason, verdict.components["format"]) == (0.0, reason, readable)
    assert bool(verdict.answer) == bool(readable)


def _hostile_texts():
    """More than 200 texts that broke other verifiers, or could."""
    right = "4 1 3"
    inserts = ["\x00", "\u200d", "\ud800", "\u202e", "\ufeff", "\u00a0", "\n", "\t", "\r", "<eos>", "_", "٤", "４", "."]
    texts = [right[:place] + insert + right[place:] for insert in inserts for place in range(len(right) + 1)]
    texts += [right.replace(old, new) for old, new in zip("4134131", "４١３⁴¹³𝟏", strict=True)]
    texts += [
        "4 " * 10**6,
        "9" * 10**6,
        " " * 3_000_000,
        "(" * 100_000,
        "4 1 3" + " " * 10**6,
        "4,1,3",
        "413",
        "4 1 3 #",
    ]
    texts += [f"{sign}4 1 3" for sign in "+-.e~"] + ["4.0 1 3", "4e0 1 3", "0x4 1 3", "{0}", "%s%n", "eval('4')", "nan"]
    return texts + [f"4 1 {number}" for number in range(100) if number != 3]


@TASKS
def test_hostile_texts_get_a_clean_wrong_verdict_at_once(task):
    problem = dataclasses.replace(task.problem("train", 0), answer="4 1 3")
    texts = _hostile_texts()
    assert len(set(texts)) > 200
    start = time.process_time()
    for text in texts:
        verdict = task.verify(problem, text)
        assert (verdict.score, verdict.undecided) == (0.0, False), ascii(text[:60])
        assert verdict.reason.isascii() and len(verdict.reason) < 200
    assert time.process_time() - start < 1.0


def test_random_symbols_never_raise():
    draws, problem = Draws("monkey"), REVERSAL.problem("train", 0)
    for _ in range(1_000):
        text = "".join("0123456789 >\x00４"[draws.below(14)] for _ in range(draws.below(30)))
        assert REVERSAL.verify(problem, text).score == (text.split() == problem.answer.split())


@TASKS
def test_the_tasks_are_valid_and_a_mistaken_field_is_named(task):
    task.validate()
    for changes, message in (
        ({"min_length": 0}, "min_length=0"),
        ({"max_length": 3}, "max_length=3 must be an integer in 4..64"),
        ({"modulus": 1}, "modulus=1"),
        ({"modulus": 10.0}, "modulus=10.0"),
        ({"demonstration_noise": -0.1}, "is a chance"),
        ({"validation_problems": 0}, "validation_problems=0"),
        ({"seed": False}, "seed=False"),
        ({"min_length": 1, "max_length": 1}, "distinct problems found"),
    ):
        with pytest.raises(ValueError, match=message):
            dataclasses.replace(task, **changes).validate()


@pytest.mark.parametrize(("split", "index"), [("dev", 0), ("test", 192), ("train", -1)])
def test_a_problem_that_is_not_there_is_refused(split, index):
    with pytest.raises(ValueError, match="split"):
        REVERSAL.problem(split, index)
