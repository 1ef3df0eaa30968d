import re

import pytest

from entropy_rl.problem import Role
from entropy_rl.tasks.countdown import EASY, MULTI_DIGIT
from entropy_rl.tasks.countdown.arithmetic import Step
from entropy_rl.tasks.countdown.notation import Notation

STEPS = [Step(6, "+", 9, 15), Step(15, "+", 8, 23)]
LETTER = {"p": Role.PLANNING, "x": Role.EXECUTION, ".": Role.OTHER}


def test_both_notations_write_the_example_of_the_documentation():
    assert Notation(spaced=True).prompt((8, 6, 9), 24) == "8 6 9 : 24 >"
    assert Notation(spaced=True).response(STEPS) == "6 + 9 = 15 15 + 8 = 23"
    assert Notation(spaced=False).prompt((8, 6, 9), 24) == "8,6,9:24>"
    assert Notation(spaced=False).response(STEPS) == "6+9=15,15+8=23"


@pytest.mark.parametrize("spaced", [True, False])
def test_what_is_written_reads_back_and_matches_the_pattern(spaced):
    notation = Notation(spaced)
    text = notation.response(STEPS)
    assert notation.parse(text) == (STEPS, None)
    assert re.fullmatch(notation.response_pattern, text)


@pytest.mark.parametrize(
    ("text", "steps", "stopped"),
    [
        ("", 0, 0),
        ("6 + 9 = 15 15", 1, 11),
        ("6 + 9 = 15,15 + 8 = 23", 0, 0),  # the other notation's separator
        ("6 + 9 = 15 ", 0, 0),  # a separator with nothing behind it; `verify` strips outer spaces first
        ("06 + 9 = 15", 0, 0),
        ("6 + 9 = 15\n", 0, 0),
        ("1234567890 + 9 = 15", 0, 0),
    ],
)
def test_reading_stops_at_the_first_malformed_step(text, steps, stopped):
    notation = Notation(spaced=True)
    read, position = notation.parse(text)
    assert (len(read), position) == (steps, stopped)
    assert not re.fullmatch(notation.response_pattern, text)


def _roles(task, text):
    return task.roles(task.tokenizer.encode(text))


def test_choosing_operands_and_operators_is_planning_and_the_rest_of_a_step_execution():
    assert _roles(EASY, "6 + 9 = 15 15 + 8 = 23") == [LETTER[letter] for letter in "pppxx" * 2]


def test_digits_after_the_first_of_an_operand_and_all_of_a_result_are_execution():
    #                        1 1 + 6 = 1 7 , 1 7 + 2 2 = 3 9
    expected = [LETTER[letter] for letter in "pxppxxxxpxppxxxx"]
    assert _roles(MULTI_DIGIT, "11+6=17,17+22=39") == expected


def test_ends_padding_and_what_has_no_place_in_a_response_are_other():
    colon = EASY.tokenizer.encode(":")[0]
    assert EASY.roles([1, 0, colon, 10_000, -3]) == [Role.OTHER] * 5


def test_a_broken_response_is_labelled_by_the_same_local_rule():
    assert _roles(EASY, "= 3 3 + + =") == [LETTER[letter] for letter in "xxpppx"]
    assert EASY.roles([]) == []
