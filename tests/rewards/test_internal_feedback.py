import dataclasses

import pytest

from entropy_rl.problem import Verdict
from entropy_rl.rewards.internal_feedback import NegativeEntropy, SelfCertainty
from entropy_rl.rewards.scoring import score_all
from entropy_rl.rewards.task_accuracy import TaskAccuracy
from entropy_rl.tasks.countdown import EASY

from .example import PROBLEM, RIGHT, WRONG

SURE = dataclasses.replace(WRONG, mean_entropy=0.125, mean_self_certainty=2.0)
UNSURE = dataclasses.replace(RIGHT, mean_entropy=0.5, mean_self_certainty=0.75)


def test_certainty_is_paid_and_correctness_only_reported():
    verdicts = score_all(NegativeEntropy(TaskAccuracy(EASY)), [PROBLEM] * 2, [SURE, UNSURE])
    assert [verdict.score for verdict in verdicts] == [-0.125, -0.5]
    assert [verdict.components["accuracy"] for verdict in verdicts] == [0.0, 1.0]
    verdicts = score_all(SelfCertainty(TaskAccuracy(EASY)), [PROBLEM] * 2, [SURE, UNSURE])
    assert [verdict.score for verdict in verdicts] == [2.0, 0.75]
    assert [verdict.components["accuracy"] for verdict in verdicts] == [0.0, 1.0]


def test_a_plain_judge_reports_its_score_as_accuracy():
    verdict = NegativeEntropy(lambda *_: 1.0)(PROBLEM, SURE)
    assert verdict.components == {"accuracy": 1.0, "mean_entropy": 0.125}


def test_what_the_judge_cannot_decide_is_paid_without_an_accuracy():
    verdict = NegativeEntropy(lambda *_: Verdict(0.0, undecided=True))(PROBLEM, SURE)
    assert verdict.score == -0.125 and not verdict.undecided and "accuracy" not in verdict.components


@pytest.mark.parametrize("reward", [NegativeEntropy, SelfCertainty])
def test_a_number_that_nobody_measured_is_a_failure_and_not_a_zero(reward):
    (verdict,) = score_all(reward(TaskAccuracy(EASY)), [PROBLEM], [RIGHT])
    assert verdict.undecided and "is None" in verdict.reason
