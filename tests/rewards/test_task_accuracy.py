import dataclasses

from entropy_rl.problem import Verdict
from entropy_rl.rewards.reward import as_verdict, raw_accuracy
from entropy_rl.rewards.task_accuracy import TaskAccuracy
from entropy_rl.tasks.countdown import EASY

from .example import CUT_OFF, PROBLEM, RIGHT, WRONG


def test_the_verdict_of_the_task_passes_through_unchanged():
    for completion in (RIGHT, WRONG):
        assert TaskAccuracy(EASY)(PROBLEM, completion) == EASY.verify(PROBLEM, completion.text)
    assert TaskAccuracy(EASY)(PROBLEM, RIGHT).score == 1.0


def test_a_right_text_without_an_end_is_wrong_unless_that_is_allowed():
    verdict = TaskAccuracy(EASY)(PROBLEM, CUT_OFF)
    assert (verdict.score, verdict.components) == (0.0, {"accuracy": 0.0, "format": 1.0})
    assert verdict.reason == "cut off after 10 tokens without an end"
    assert TaskAccuracy(EASY, require_finished=False)(PROBLEM, CUT_OFF).score == 1.0


@dataclasses.dataclass(frozen=True)
class _FixedJudge:
    verdict: Verdict

    def verify(self, problem, response):
        return self.verdict


def test_the_score_of_a_task_without_components_becomes_its_accuracy():
    verdict = TaskAccuracy(_FixedJudge(Verdict(score=0.25)))(PROBLEM, RIGHT)
    assert verdict.components == {"accuracy": 0.25}


def test_an_undecided_verdict_stays_undecided_even_if_cut_off():
    undecided = Verdict(score=0.0, reason="timeout", undecided=True)
    assert TaskAccuracy(_FixedJudge(undecided))(PROBLEM, CUT_OFF) == undecided


def test_raw_accuracy_is_the_component_and_the_score_only_where_there_is_none():
    assert raw_accuracy(Verdict(score=-0.7, components={"accuracy": 1.0})) == 1.0
    assert raw_accuracy(as_verdict(0.5)) == 0.5
