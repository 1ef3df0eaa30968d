import pytest

from entropy_rl.problem import Problem, Refinable
from entropy_rl.tasks.countdown import EASY, HARD, MULTI_DIGIT
from entropy_rl.tasks.countdown.hints import opening

RULES, NOTATION = EASY.rules, EASY.notation


def test_a_good_first_step_is_kept_and_the_last_never():
    # the second step makes 23 and misses the target 7 = 15 - 8, which is still within reach after the first
    assert opening(RULES, NOTATION, [8, 6, 9], 7, "6 + 9 = 15 15 + 8 = 23") == "6 + 9 = 15"
    assert opening(RULES, NOTATION, [8, 6, 9], 7, "6 + 9 = 15 15 - 8 = 7") == "6 + 9 = 15"


@pytest.mark.parametrize(
    "response",
    [
        "6 - 8 = 2 2 + 9 = 11",  # wrong arithmetic, and out of range
        "9 - 6 = 4 4 + 8 = 12",  # wrong result
        "6 * 9 = 54 54 - 8 = 46",  # beyond max_intermediate
        "5 + 9 = 14 14 + 8 = 22",  # not on the table
        "9 - 8 = 1 1 + 6 = 7",  # legal, but 23 is out of reach of {1, 6}
        "no steps at all",
        "",
    ],
)
def test_a_bad_first_step_is_replaced_by_one_of_a_right_route(response):
    start = opening(RULES, NOTATION, [8, 6, 9], 23, response)  # 23 = 6 + 8 + 9 in any order
    steps, stopped = NOTATION.parse(start)
    assert stopped is None and len(steps) == 1
    rest = sorted([n for n in (8, 6, 9) if n not in steps[0][:3:2]])
    finish = f"{start} {steps[0].result} + {rest[0]} = 23"
    problem = Problem("", "8 6 9 : 23 >", "", {"numbers": [8, 6, 9], "target": 23})
    assert EASY.verify(problem, finish).score == 1.0


@pytest.mark.parametrize("task", [EASY, HARD, MULTI_DIGIT])
def test_a_refinement_prompt_can_be_read_and_finished_with_a_right_answer(task):
    refinable: Refinable = task
    assert isinstance(refinable, Refinable)
    for index in range(40):
        problem = task.problem("train", index)
        prompt = task.refinement_prompt(problem, "", task.verify(problem, ""))
        assert prompt.startswith(problem.prompt)
        task.tokenizer.encode(prompt)
        begun = prompt[len(problem.prompt) :]
        assert task.verify(problem, begun.rstrip(",")).score == 0.0  # the help is not the answer
        assert problem.answer.startswith(begun.strip(" ,"))  # the reference route goes on from it
        assert task.verify(problem, problem.answer).score == 1.0


def test_two_numbers_leave_nothing_to_hint_at():
    assert opening(RULES, NOTATION, [3, 4], 7, "3 - 4 = 1") == ""
