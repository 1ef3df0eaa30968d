import dataclasses

import pytest

from entropy_rl.problem import Verdict
from entropy_rl.rewards.combine import Term, WeightedSum
from entropy_rl.rewards.format import Format
from entropy_rl.rewards.overlong import OverlongPenalty
from entropy_rl.rewards.reward import raw_accuracy
from entropy_rl.rewards.task_accuracy import TaskAccuracy
from entropy_rl.tasks.countdown import EASY

from .example import PROBLEM, RIGHT, WRONG

SHAPED = WeightedSum(
    (
        Term("task", 2.0, TaskAccuracy(EASY)),
        Term("overlong", 1.0, OverlongPenalty(max_tokens=12, buffer_tokens=4)),
        Term("form", 0.5, Format(EASY.notation.response_pattern)),
    )
)


def test_the_sum_is_weighted_and_every_part_stays_visible_unweighted():
    verdict = SHAPED(PROBLEM, RIGHT)
    # 2 * 1 - 1 * (11 - 8) / 4 + .5 * 1
    assert verdict.score == 1.75
    assert verdict.components == {"accuracy": 1.0, "task/format": 1.0, "task": 1.0, "overlong": -0.75, "form": 1.0}
    assert verdict.answer == "6+9=15 8+15=23"


def test_shaping_never_changes_raw_accuracy():
    for n_tokens in (1, 11, 500):
        for completion in (RIGHT, WRONG):
            verdict = SHAPED(PROBLEM, dataclasses.replace(completion, n_tokens=n_tokens))
            assert raw_accuracy(verdict) == EASY.verify(PROBLEM, completion.text).score
    assert SHAPED(PROBLEM, WRONG).score == 0.5 - 0.75


def test_a_term_of_weight_zero_is_logged_and_not_paid():
    total = WeightedSum((Term("accuracy", 1.0, TaskAccuracy(EASY)), Term("length", 0.0, lambda _, c: c.n_tokens)))
    total.validate()  # a plain function has nothing to validate
    verdict = total(PROBLEM, RIGHT)
    assert (verdict.score, verdict.components["length"]) == (1.0, 11.0)


def test_one_undecided_term_makes_the_sum_undecided():
    unsure = Term("judge", 1.0, lambda *_: Verdict(score=1.0, reason="no answer from the judge", undecided=True))
    verdict = WeightedSum((*SHAPED.terms, unsure))(PROBLEM, RIGHT)
    assert (verdict.undecided, verdict.score, verdict.reason) == (True, 0.0, "no answer from the judge")


def test_sums_nest():
    outer = WeightedSum((Term("inner", 0.5, SHAPED), Term("one", 1.0, lambda *_: 1.0)))
    verdict = outer(PROBLEM, RIGHT)
    assert verdict.score == 0.5 * 1.75 + 1.0
    assert (raw_accuracy(verdict), verdict.components["inner/overlong"]) == (1.0, -0.75)


@pytest.mark.parametrize(
    ("terms", "message"),
    [
        ((), "at least one term"),
        ((Term("a", 1.0, TaskAccuracy(EASY)), Term("a", 1.0, TaskAccuracy(EASY))), "a name of its own"),
        ((Term("a", float("nan"), TaskAccuracy(EASY)),), "weight=nan of term 'a'"),
        ((Term("a", 1.0, OverlongPenalty(1, 2)),), "buffer_tokens=2"),
    ],
)
def test_mistaken_terms_are_refused_those_of_the_inner_rewards_included(terms, message):
    with pytest.raises(ValueError, match=message):
        WeightedSum(terms).validate()
