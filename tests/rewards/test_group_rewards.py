import pytest

from entropy_rl.problem import Problem, Verdict
from entropy_rl.rewards.combine import Term, WeightedSum
from entropy_rl.rewards.inverse_probability import InverseProbability
from entropy_rl.rewards.majority_vote import MajorityVote
from entropy_rl.rewards.reward import Completion, GroupReward
from entropy_rl.rewards.scoring import failure_count, score_all, score_groups
from entropy_rl.rewards.task_accuracy import TaskAccuracy
from entropy_rl.tasks.countdown import EASY

from .example import PROBLEM, RIGHT, WRONG

OTHER = Problem("other", "", "b")


def judge(problem, completion):
    """The text is the answer; right is what is written in capitals."""
    if completion.text == "?":
        return Verdict(0.0, undecided=True)
    return Verdict(float(completion.text.isupper()), answer=completion.text.lower())


def said(text, entropy=None):
    return Completion(text, n_tokens=len(text), finished=True, mean_entropy=entropy)


def scores(verdicts):
    return [verdict.score for verdict in verdicts]


def test_the_majority_is_paid_and_accuracy_stays_visible():
    verdicts = MajorityVote(judge).score_group(PROBLEM, [said("a"), said("B"), said("a"), said("c")])
    assert scores(verdicts) == [1.0, 0.0, 1.0, 0.0]  # a has 2 of 4 votes
    assert [verdict.components["accuracy"] for verdict in verdicts] == [0.0, 1.0, 0.0, 0.0]


def test_tied_answers_share_the_payment_whatever_their_order():
    for texts in (["a", "a", "b", "b", "c"], ["b", "c", "a", "b", "a"]):
        verdicts = MajorityVote(judge).score_group(PROBLEM, [said(text) for text in texts])
        assert scores(verdicts) == [0.0 if text == "c" else 0.5 for text in texts]  # 2 winners: 1 / 2 each


def test_a_response_without_an_answer_neither_votes_nor_is_paid():
    verdicts = MajorityVote(judge).score_group(PROBLEM, [said(""), said(""), said("a"), said("b"), said("b")])
    assert scores(verdicts) == [0.0, 0.0, 0.0, 1.0, 1.0]
    assert scores(MajorityVote(judge).score_group(PROBLEM, [said(""), said("")])) == [0.0, 0.0]


def test_votes_of_anchors_turn_the_majority_but_get_no_verdict():
    group = [said("a"), said("a"), said("b")]
    verdicts = MajorityVote(judge, anchors=2).score_group(PROBLEM, group, [said("b"), said("b")])
    assert scores(verdicts) == [0.0, 0.0, 1.0]  # a: 2 votes, b: 1 + 2


def test_the_filter_leaves_out_only_what_lies_below_the_lower_fence():
    entropies = [0.1, 1.0, 1.1, 1.2, 1.3]  # quartiles 1.0 and 1.2: the fence is 1.0 - 1.5 * 0.2 = 0.7
    group = [said("a", entropy) for entropy in entropies]
    verdicts = MajorityVote(judge, iqr=1.5).score_group(PROBLEM, group)
    assert [verdict.undecided for verdict in verdicts] == [True, False, False, False, False]
    assert [verdict.components["filtered"] for verdict in verdicts] == [1.0, 0.0, 0.0, 0.0, 0.0]
    assert verdicts[0].components["accuracy"] == 0.0  # the raw judgement of a filtered response is still counted
    wider = MajorityVote(judge, iqr=4.6).score_group(PROBLEM, group)  # 1.0 - 4.6 * 0.2 = 0.08 < 0.1
    assert not any(verdict.undecided for verdict in wider)
    same = MajorityVote(judge, iqr=0.0).score_group(PROBLEM, [said("a", 0.5)] * 4)
    assert not any(verdict.undecided for verdict in same)


def test_inverse_probability_divides_by_the_share_of_the_outcome():
    group = [said(text) for text in ("A", "A", "A", "B", "c", "c", "d", "e")]
    verdicts = InverseProbability(judge).score_group(PROBLEM, group)
    # p(a) = 3/8 and p(b) = 1/8; wrong outcomes are worth 0 however rare
    assert scores(verdicts) == pytest.approx([8 / 3] * 3 + [8.0] + [0.0] * 4)
    assert sum(scores(verdicts)[:3]) == pytest.approx(scores(verdicts)[3])  # an outcome is paid the same in all
    assert [verdict.components["accuracy"] for verdict in verdicts] == [1.0] * 4 + [0.0] * 4
    assert verdicts[0].components["paid_outcomes"] == 2.0


def test_what_the_judge_cannot_decide_is_no_outcome():
    verdicts = InverseProbability(judge).score_group(PROBLEM, [said("?"), said("A"), said("B"), said("B")])
    assert verdicts[0].undecided
    assert scores(verdicts)[1:] == pytest.approx([3.0, 1.5, 1.5])  # of three decided: 1/3, 2/3, 2/3


def test_groups_are_judged_in_their_places_with_their_own_anchors():
    seen = []

    class Recorder:
        def score_group(self, problem, completions, anchors=()):
            seen.append((problem.id, [c.text for c in completions], [c.text for c in anchors]))
            return [float(len(c.text)) for c in completions]

    completions = [said("a"), said("bb"), said("ccc"), said("dddd")]
    verdicts = score_groups(Recorder(), [PROBLEM, OTHER], completions, [said("x"), said("y")])
    assert seen == [(PROBLEM.id, ["a", "bb"], ["x"]), ("other", ["ccc", "dddd"], ["y"])]
    assert scores(verdicts) == [1.0, 2.0, 3.0, 4.0]


@pytest.mark.parametrize("fault", ["raises", "too few", "nan"])
def test_a_group_reward_that_fails_costs_its_own_group(fault):
    class Fragile:
        def score_group(self, problem, completions, anchors=()):
            if problem is OTHER:
                if fault == "raises":
                    raise KeyError("no")
                return [1.0] if fault == "too few" else [1.0, float("nan")]
            return [1.0] * len(completions)

    verdicts = score_groups(Fragile(), [PROBLEM, OTHER], [said("a")] * 4)
    assert [verdict.undecided for verdict in verdicts] == [False, False, True, True]
    assert failure_count(verdicts) == 2


def test_completions_must_split_into_groups():
    with pytest.raises(ValueError, match="3 completions and 0 anchors do not split into 2 groups"):
        score_groups(MajorityVote(judge), [PROBLEM, OTHER], [said("a")] * 3)
    with pytest.raises(ValueError, match="4 completions and 1 anchors"):
        score_groups(MajorityVote(judge), [PROBLEM, OTHER], [said("a")] * 4, [said("a")])


def test_countdown_votes_for_routes():
    group = [RIGHT, Completion("9 + 6 = 15 8 + 15 = 23", 11, True), WRONG]
    verdicts = MajorityVote(TaskAccuracy(EASY)).score_group(PROBLEM, group)
    assert scores(verdicts) == [1.0, 1.0, 0.0]  # the first two are one route, written otherwise


def test_a_group_reward_is_told_from_a_single_one_and_is_no_summand():
    assert isinstance(MajorityVote(judge), GroupReward) and not isinstance(TaskAccuracy(EASY), GroupReward)
    with pytest.raises(ValueError, match="whole groups and cannot be a summand"):
        WeightedSum((Term("vote", 1.0, MajorityVote(judge)),)).validate()  # type: ignore[arg-type]
    total = WeightedSum((Term("right", 1.0, TaskAccuracy(EASY)),))
    assert scores(InverseProbability(total).score_group(PROBLEM, [RIGHT, WRONG])) == [2.0, 0.0]


@pytest.mark.parametrize(
    ("reward", "message"),
    [
        (MajorityVote(judge, anchors=-1), "anchors=-1 must be at least 0"),
        (MajorityVote(judge, iqr=-0.5), "iqr=-0.5 must be finite"),
        (MajorityVote(WeightedSum(())), "at least one term"),
        (InverseProbability(WeightedSum(())), "at least one term"),
    ],
)
def test_a_bad_field_is_named(reward, message):
    with pytest.raises(ValueError, match=message):
        reward.validate()


def test_the_single_form_is_untouched_by_groups():
    assert scores(score_all(TaskAccuracy(EASY), [PROBLEM] * 2, [RIGHT, WRONG])) == [1.0, 0.0]
