import time

import pytest

from entropy_rl.problem import Problem
from entropy_rl.tasks.countdown import EASY, HARD, MULTI_DIGIT
from entropy_rl.tasks.countdown.arithmetic import canonical, routes
from entropy_rl.tasks.draws import Draws

from . import oracle

TIERS = pytest.mark.parametrize("task", [EASY, HARD, MULTI_DIGIT], ids=["easy", "hard", "digit"])


def _given(*numbers, target):
    return Problem("", "", "", {"numbers": list(numbers), "target": target, "n_numbers": len(numbers)})


EXAMPLE = _given(8, 6, 9, target=23)
RIGHT = "6 + 9 = 15 15 + 8 = 23"


def test_a_right_answer_scores_one_and_names_its_route():
    verdict = EASY.verify(EXAMPLE, RIGHT)
    assert (verdict.score, verdict.components, verdict.undecided) == (1.0, {"accuracy": 1.0, "format": 1.0}, False)
    assert verdict.answer == "6+9=15 8+15=23"
    assert EASY.verify(EXAMPLE, "  9 + 6 = 15   8 + 15 = 23 ").answer == verdict.answer


def test_different_right_routes_have_different_answers():
    other = EASY.verify(EXAMPLE, "8 + 9 = 17 17 + 6 = 23")
    assert other.score == 1.0
    assert other.answer != EASY.verify(EXAMPLE, RIGHT).answer


@pytest.mark.parametrize(
    ("text", "reason", "readable"),
    [
        ("6 + 9 = 16 16 + 8 = 24", "step 1: 6 + 9 is 15, not 16", 1.0),
        ("6 + 9 = 15 15 + 9 = 24", "step 2: 9 is not available; on the table: 8 15", 1.0),
        ("6 - 9 = 3 3 + 8 = 11", "step 1: 6 - 9 is -3, not 3", 1.0),
        ("6 * 9 = 54 54 + 8 = 62", "step 1: 6 * 9 is 54, outside 0..30", 1.0),
        ("6 / 9 = 0 0 + 8 = 8", "step 1: operator / is not allowed; use + - *", 1.0),
        ("6 + 9 = 15", "after step 1: 2 numbers are still on the table; combine them all", 1.0),
        ("9 - 8 = 1 6 + 1 = 7", "step 2: the last result is 7, not the target 23", 1.0),
        (RIGHT + " 23 + 0 = 23", "step 3: 0 is not available; on the table: 23", 1.0),
        ("6 + 6 = 12", "step 1: 6 is there only once; on the table: 8 6 9", 1.0),
        ("", "step 1: expected a step such as '1 + 2 = 3', found the end", 0.0),
        ("6 + 9 = 15 15 +", "step 2: expected a step such as '1 + 2 = 3', found '15 +'", 0.0),
        ("6 + 9 = 16 15 +", "step 1: 6 + 9 is 15, not 16", 0.0),  # the first mistake, not the last
        ("23", "step 1: expected a step such as '1 + 2 = 3', found '23'", 0.0),
    ],
)
def test_a_reason_names_the_first_step_that_failed_and_why(text, reason, readable):
    verdict = EASY.verify(EXAMPLE, text)
    assert (verdict.score, verdict.components["accuracy"]) == (0.0, 0.0)
    assert verdict.reason == reason
    assert verdict.components["format"] == readable
    assert bool(verdict.answer) == bool(readable)


def test_a_number_given_twice_may_be_used_twice_and_no_more():
    twice = _given(5, 5, 2, target=20)
    assert EASY.verify(twice, "5 + 5 = 10 10 * 2 = 20").score == 1.0
    assert EASY.verify(_given(5, 4, 2, target=20), "5 + 5 = 10 10 * 2 = 20").score == 0.0


def test_the_largest_intermediate_is_legal_and_one_more_is_not():
    assert EASY.verify(_given(5, 6, 7, target=23), "5 * 6 = 30 30 - 7 = 23").score == 1.0
    verdict = EASY.verify(_given(10, 3, 1, target=31), "10 * 3 = 30 30 + 1 = 31")
    assert (verdict.score, verdict.reason) == (0.0, "step 2: 30 + 1 is 31, outside 0..30")


@TIERS
def test_every_route_that_the_solver_finds_is_accepted_and_they_are_counted(task):
    for index in range(60):
        problem = task.problem("train", index)
        numbers, target = problem.metadata["numbers"], problem.metadata["target"]
        answers = set()
        for steps in routes(task.rules, tuple(sorted(numbers)), target):
            text = task.notation.response(steps)
            verdict = task.verify(problem, text)
            assert verdict.score == 1.0, (problem, text, verdict.reason)
            assert verdict.answer == canonical(steps)
            answers.add(verdict.answer)
        assert len(answers) == task.number_of_routes(problem) >= 1


@TIERS
def test_verdicts_on_all_single_token_corruptions_equal_those_of_an_independent_checker(task):
    tokenizer = task.tokenizer
    right = wrong = 0
    for index in range(8):
        problem = task.problem("train", index)
        numbers, target = problem.metadata["numbers"], problem.metadata["target"]
        tokens = tokenizer.encode(problem.answer)
        for place in range(len(tokens) + 1):
            replaced = [[*tokens[:place], token, *tokens[place + 1 :]] for token in range(2, tokenizer.vocab_size)]
            inserted = [[*tokens[:place], token, *tokens[place:]] for token in range(2, tokenizer.vocab_size)]
            for corrupted in [*replaced, *inserted, tokens[:place] + tokens[place + 1 :]]:
                text = tokenizer.decode(corrupted)
                expected = oracle.is_right(task, numbers, target, text)
                assert task.verify(problem, text).score == expected, (problem, text)
                right, wrong = right + expected, wrong + (not expected)
    assert right >= 8  # the uncorrupted answer is among the replacements
    assert wrong > 1_000


def _hostile_texts():
    """More than 200 texts that broke other verifiers, or could."""
    foreign = ["٦", "６", "६", "𝟨", "⁶", "Ⅵ", "六"]  # sixes that str.isdigit, int or \\d may take for one
    texts = [RIGHT.replace("6", digit) for digit in foreign]
    texts += [RIGHT.replace("8 = 23", f"8 = 2{digit}") for digit in foreign]
    inserts = [
        "\x00",
        "\u200d",
        "\ud800",
        "\u202e",
        "\ufeff",
        "\N{NO-BREAK SPACE}",
        "\n",
        "\t",
        "\r",
        "<eos>",
        "−",
        "_",
    ]
    texts += [RIGHT[:place] + insert + RIGHT[place:] for insert in inserts for place in range(len(RIGHT) + 1)]
    texts += ["9" * 10**6, "1" + "0" * 10**6 + " + 9 = 15", "6 + " * 500_000, " " * 3_000_000, "6 + 9 = 15 " * 300_000]
    texts += ["(" * 100_000, "[" * 190, "6" * 190, " " * 100 + RIGHT + " " * 500, RIGHT + ";" + "a" * 2_000_000]
    texts += [
        "__import__('os').system('true')",
        "6 + 9 = 15 15 + 8 = 23 # 1",
        "\\boxed{23}",
        "6 ** 9 = 15",
        "{0}",
        "%s%n",
    ]
    texts += [
        "+6 + 9 = 15 15 + 8 = 23",
        "-6 + 9 = 15",
        "6.0 + 9 = 15 15 + 8 = 23",
        "6e0 + 9 = 15 15 + 8 = 23",
        "0x6 + 9 = 15",
    ]
    texts += [
        "1_5 + 8 = 23",
        "6 + 9 = 15 15 + 8 == 23",
        "6 + 9 = 15 15 + 8 = 023",
        "true",
        "nan",
        "inf + 1 = inf",
        "None",
    ]
    return texts


def test_hostile_texts_get_a_clean_wrong_verdict_at_once():
    texts = _hostile_texts()
    assert len(set(texts)) > 200
    start = time.process_time()
    for text in texts:
        verdict = EASY.verify(EXAMPLE, text)
        assert (verdict.score, verdict.undecided) == (0.0, False), ascii(text[:60])
        assert verdict.reason.isascii() and len(verdict.reason) < 200
    assert time.process_time() - start < 1.0  # some 10 ms; the texts hold 13 million characters


def test_random_symbols_never_raise_and_agree_with_the_independent_checker():
    draws = Draws("monkey")
    alphabet = [*"0123456789+-*/=:>, ", "15", "\x00", "６"]
    for _ in range(2_000):
        text = " ".join(alphabet[draws.below(len(alphabet))] for _ in range(draws.below(14)))
        assert EASY.verify(EXAMPLE, text).score == oracle.is_right(EASY, (8, 6, 9), 23, text)
