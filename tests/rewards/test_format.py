import time

import pytest

from entropy_rl.rewards.format import Format
from entropy_rl.rewards.reward import Completion
from entropy_rl.tasks.countdown import EASY, MULTI_DIGIT

from .example import PROBLEM, RIGHT, WRONG

THINKING = Format(r"<think>.*</think>\s*<answer>.*</answer>")


def _completion(text):
    return Completion(text, n_tokens=1, finished=True)


def test_the_whole_response_must_match_across_lines():
    assert THINKING(PROBLEM, _completion("<think>a\nb</think>\n<answer>4</answer>")).score == 1.0
    assert THINKING(PROBLEM, _completion("<think>a</think><answer>4</answer> and more")).score == 0.0
    assert THINKING(PROBLEM, _completion("")).score == 0.0


def test_the_pattern_of_countdown_asks_for_form_and_not_for_truth():
    reward = Format(EASY.notation.response_pattern)
    assert [reward(PROBLEM, completion).score for completion in (RIGHT, WRONG, _completion("23"))] == [1.0, 1.0, 0.0]
    for index in range(200):
        problem, response = MULTI_DIGIT.demonstration(0, index)
        assert Format(MULTI_DIGIT.notation.response_pattern)(problem, _completion(response)).score == 1.0


def test_a_response_beyond_the_limit_is_not_read():
    reward = Format("a*", max_characters=10)
    assert [reward(PROBLEM, _completion("a" * n)).score for n in (10, 11)] == [1.0, 0.0]
    start = time.process_time()
    assert THINKING(PROBLEM, _completion("<think>" * 2_000_000)).reason == "longer than 65536 characters"
    assert time.process_time() - start < 0.5


def test_a_broken_pattern_and_an_empty_limit_are_refused():
    THINKING.validate()
    with pytest.raises(ValueError, match="is no regular expression"):
        Format("(").validate()
    with pytest.raises(ValueError, match="max_characters=0"):
        Format("a", max_characters=0).validate()
