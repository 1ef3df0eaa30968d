import jax.numpy as jnp
import numpy as np
import pytest

from entropy_rl.advantages import groups
from entropy_rl.problem import Problem, Verdict
from entropy_rl.rewards.combine import Term, WeightedSum
from entropy_rl.rewards.final_answer import FinalAnswer
from entropy_rl.rewards.format import Format
from entropy_rl.rewards.length import Length
from entropy_rl.rewards.majority_vote import MajorityVote
from entropy_rl.rewards.maths_equivalence import MathsEquivalence
from entropy_rl.rewards.overlong import OverlongFilter, OverlongPenalty
from entropy_rl.rewards.reward import Completion, OfGroup, as_verdict, in_process
from entropy_rl.rewards.scoring import score_all
from entropy_rl.rewards.task_accuracy import TaskAccuracy
from entropy_rl.tasks.countdown import EASY
from entropy_rl.tasks.local import Problems
from entropy_rl.tasks.mixture import Mixture

HALF = Problem("h", "?", r"\frac{1}{2}")


def said(text, finished=True, n_tokens=5):
    return Completion(text, n_tokens, finished, tokens=tuple(range(n_tokens)))


def test_equivalence_sees_algebra_and_the_exact_answer_does_not():
    root = Problem("r", "?", r"2\sqrt{2}")
    assert MathsEquivalence()(root, said(r"\boxed{\sqrt{8}}")).score == 1.0
    assert FinalAnswer()(root, said(r"\boxed{\sqrt{8}}")).score == 0.0
    assert FinalAnswer()(root, said(r"\boxed{2 \sqrt{2}}")).score == 1.0
    assert (
        FinalAnswer()(HALF, said("The answer is 0.5.")).score == MathsEquivalence()(HALF, said("####0.5")).score == 1.0
    )


@pytest.mark.parametrize("reward", [MathsEquivalence(sources=("box",)), FinalAnswer(sources=("box",))])
def test_sources_of_an_answer_can_be_restricted(reward):
    assert reward(HALF, said(r"\boxed{1/2}")).components["accuracy"] == 1.0
    verdict = reward(HALF, said("The answer is 1/2"))
    assert (verdict.score, verdict.components["no_answer"]) == (0.0, 1.0)


@pytest.mark.parametrize("reward", [MathsEquivalence(sources=("boxes",)), FinalAnswer(sources=()), FinalAnswer("box")])
def test_an_unknown_source_is_refused_at_the_start(reward):
    with pytest.raises(ValueError, match="sources="):
        reward.validate()


def test_a_response_that_was_cut_off_is_wrong_unless_that_does_not_matter():
    cut = said(r"\boxed{1/2}", finished=False)
    assert MathsEquivalence()(HALF, cut).components["accuracy"] == 0.0
    assert MathsEquivalence()(HALF, cut).reason == "cut off after 5 tokens without an end"
    assert MathsEquivalence(require_finished=False)(HALF, cut).score == 1.0
    assert MathsEquivalence().quick(HALF, cut) == MathsEquivalence()(HALF, cut)


def test_length_falls_on_both_sides_as_computed_by_hand():
    reward = Length(least=10, most=20, slope=4)
    scores = [reward(HALF, said("", n_tokens=n)).score for n in (5, 6, 8, 10, 20, 21, 24)]
    assert scores == [0.0, 0.0, 0.5, 1.0, 1.0, 0.75, 0.0]  # 1 - distance / 4
    for wrong in (Length(3, 2), Length(-1, 2), Length(0, 2, slope=0)):
        with pytest.raises(ValueError, match="least=|slope="):
            wrong.validate()


def test_a_response_that_was_cut_off_is_filtered_and_no_other():
    reward = OverlongFilter(MathsEquivalence())
    cut, ended = reward(HALF, said("", finished=False)), reward(HALF, said(r"\boxed{0.5}"))
    assert cut.undecided and cut.components == {"overlong": 1.0}
    assert not ended.undecided and ended.score == 1.0 and ended.components["overlong"] == 0.0


def test_filtered_responses_are_left_out_of_the_baseline():
    given = [said(r"\boxed{1/2}"), said(r"\boxed{2}"), said(r"\boxed{1/2}", finished=False), said(r"\boxed{3}")]
    verdicts = score_all(OverlongFilter(MathsEquivalence()), [HALF] * 4, given)
    rewards = np.array([np.nan if verdict.undecided else verdict.score for verdict in verdicts], np.float32)
    assert np.isnan(rewards).tolist() == [False, False, True, False]
    centred = np.asarray(groups.centred(*groups.grouped(jnp.asarray(rewards), 4)))[0]
    np.testing.assert_allclose(centred, [2 / 3, -1 / 3, 0.0, -1 / 3], rtol=1e-6)  # mean (1 + 0 + 0) / 3, not / 4


def test_every_component_of_a_sum_is_there_to_be_logged():
    reward = WeightedSum((Term("maths", 1.0, MathsEquivalence()), Term("form", 0.5, Format(r".*\\boxed\{.*"))))
    verdict = reward(HALF, said(r"\boxed{0.5}"))
    assert verdict.score == 1.5
    assert {"accuracy", "maths", "form", "maths/no_answer", "maths/unparsable"} <= set(verdict.components)


def test_a_vote_counts_equal_answers_however_they_are_written():
    given = [said(rf"\boxed{{{text}}}") for text in (r"\sqrt{8}", r"2\sqrt{2}", "3", r"2^{3/2}")]
    verdicts = MajorityVote(MathsEquivalence()).score_group(HALF, given)
    assert [verdict.score for verdict in verdicts] == [1.0, 1.0, 0.0, 1.0]


@pytest.mark.parametrize(
    ("value", "score", "undecided"), [(None, 0.0, True), (True, 1.0, False), (False, 0.0, False), (0.3, 0.3, False)]
)
def test_what_a_reward_may_return(value, score, undecided):
    verdict = as_verdict(value)
    assert (verdict.score, verdict.undecided) == (score, undecided)
    assert as_verdict(Verdict(0.5)) == Verdict(0.5)


def test_a_completion_tells_its_tokens_and_why_it_ended():
    assert (said("").finish_reason, said("", finished=False).finish_reason) == ("stop", "length")
    assert said("").tokens == (0, 1, 2, 3, 4)


def test_rewards_say_whether_they_need_workers():
    assert in_process(TaskAccuracy(EASY)) and in_process(OverlongPenalty(10, 5)) and in_process(FinalAnswer())
    assert not in_process(MathsEquivalence()) and not in_process(lambda *_: 1.0)
    assert in_process(WeightedSum((Term("a", 1.0, FinalAnswer()), Term("b", 1.0, Length(1, 2)))))
    assert not in_process(WeightedSum((Term("a", 1.0, FinalAnswer()), Term("b", 1.0, MathsEquivalence()))))
    assert in_process(MajorityVote(FinalAnswer())) and not in_process(MajorityVote(MathsEquivalence()))
    assert in_process(OverlongFilter(FinalAnswer())) and not in_process(OverlongFilter(MathsEquivalence()))
    assert not in_process(OfGroup(lambda problem, completions: [0.0]))


def test_a_task_whose_answers_are_maths_travels_without_its_data():
    class Maths:
        answers_are_maths = True

    reward = TaskAccuracy(Maths())  # type: ignore[arg-type]
    assert not in_process(reward)
    assert reward.portable == MathsEquivalence(require_finished=True)


def test_tasks_in_words_are_judged_by_workers_unless_they_have_a_verifier_of_their_own():
    rows = [{"question": f"What is {n} + 1?", "answer": str(n + 1)} for n in range(20)]
    maths = Problems(rows, prompt="question", answer="answer")
    assert not in_process(TaskAccuracy(maths))
    assert not in_process(TaskAccuracy(Mixture(((maths, 0.5), (maths, 0.5)))))
    assert in_process(TaskAccuracy(Mixture(((EASY, 1.0),))))
    problem = maths.problem("train", 0)
    verdict = TaskAccuracy(maths)(problem, said(problem.answer))
    assert verdict == TaskAccuracy(maths).portable(problem, said(problem.answer)) and verdict.score == 1.0
