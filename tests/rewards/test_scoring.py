import logging

import pytest
from absl import logging as absl_logging

from entropy_rl.rewards.scoring import failure_count, score_all
from entropy_rl.rewards.task_accuracy import TaskAccuracy
from entropy_rl.tasks.countdown import EASY

from .example import PROBLEM, RIGHT, WRONG


class _Records(logging.Handler):
    def __init__(self):
        super().__init__()
        self.records = []

    def emit(self, record):
        self.records.append(record)


@pytest.fixture
def records():
    handler = _Records()
    logger = absl_logging.get_absl_logger()
    logger.addHandler(handler)
    yield handler.records
    logger.removeHandler(handler)


def test_each_completion_is_judged_in_its_place(records):
    verdicts = score_all(TaskAccuracy(EASY), [PROBLEM] * 3, [RIGHT, WRONG, RIGHT])
    assert [verdict.score for verdict in verdicts] == [1.0, 0.0, 1.0]
    assert failure_count(verdicts) == 0
    assert not records


def test_a_plain_function_that_returns_a_number_is_a_reward():
    verdicts = score_all(lambda _, completion: completion.n_tokens / 11, [PROBLEM], [RIGHT])
    assert (verdicts[0].score, verdicts[0].undecided) == (1.0, False)


def _fragile(problem, completion):
    if completion is WRONG:
        raise KeyError("no such thing")
    return 1.0


def test_an_exception_is_one_undecided_verdict_counted_and_logged_once_per_batch(records):
    verdicts = score_all(_fragile, [PROBLEM] * 4, [WRONG, RIGHT, WRONG, RIGHT])
    assert [verdict.undecided for verdict in verdicts] == [True, False, True, False]
    assert [verdict.score for verdict in verdicts] == [0.0, 1.0, 0.0, 1.0]
    assert failure_count(verdicts) == 2
    assert verdicts[0].reason == "the reward raised KeyError: 'no such thing'"
    (record,) = records
    assert "2 of 4 rewards failed" in record.getMessage()
    assert PROBLEM.id in record.getMessage()
    assert record.exc_info[0] is KeyError


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "1.o"])
def test_a_score_that_is_no_finite_number_is_a_failure(value):
    (verdict,) = score_all(lambda *_: value, [PROBLEM], [RIGHT])
    assert verdict.undecided and failure_count([verdict]) == 1


def test_an_interrupt_is_not_swallowed():
    def interrupted(*_):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        score_all(interrupted, [PROBLEM], [RIGHT])


def test_problems_and_completions_must_pair_up():
    with pytest.raises(ValueError, match="1 problems for 2 completions; repeat"):
        score_all(TaskAccuracy(EASY), [PROBLEM], [RIGHT, WRONG])
