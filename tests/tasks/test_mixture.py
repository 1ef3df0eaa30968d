"""Mixtures hold their shares, interleave what is held out, and judge each problem as its own task does."""

from __future__ import annotations

import collections
import itertools

import pytest

from entropy_rl.tasks import apportion
from entropy_rl.tasks.countdown import Countdown
from entropy_rl.tasks.local import Problems
from entropy_rl.tasks.mixture import Mixture, TrainTest, without_demonstrations

SMALL = Countdown(max_value=6, validation_problems=8, test_problems=8)


def sums(count: int, name: str = "sums") -> Problems:
    rows = [{"question": f"{name} {n} + 1?", "answer": n + 1} for n in range(count)]
    return Problems(rows, name=name, validation_share=0.3, test_share=0.3)


@pytest.mark.parametrize("weights", [[1.0], [1.0, 1.0], [3.0, 1.0, 0.01], [0.2, 0.3, 0.5, 1e-9]])
@pytest.mark.parametrize("seed", [0, 1, 12345])
def test_the_closed_form_counts_what_counting_counts(weights, seed):
    edges, seen = apportion.boundaries(weights), collections.Counter()
    for position in range(500):
        part, before = apportion.locate(position, edges, seed)
        assert before == seen[part]
        seen[part] += 1
    assert sum(apportion.count(500, edges, part, seed) for part in range(len(weights))) == 500


def test_every_stretch_holds_every_part_within_two_of_its_share():
    edges = apportion.boundaries([5.0, 3.0, 2.0])
    for start, length in itertools.product((0, 17, 10**9), (1, 10, 64, 1000)):
        for part, share in enumerate((0.5, 0.3, 0.2)):
            found = apportion.count(start + length, edges, part) - apportion.count(start, edges, part)
            assert abs(found - share * length) < 2.0 + 0.002 * length


def test_a_mixture_has_no_end_and_repeats_the_small_task_more_often():
    mixture = Mixture({sums(30): 1.0, sums(10, "few"): 1.0})
    mixture.validate()
    assert mixture.size("train") is None
    drawn = collections.Counter(mixture.problem("train", index).id for index in range(200))
    few = [count for identity, count in drawn.items() if identity.startswith("few")]
    many = [count for identity, count in drawn.items() if identity.startswith("sums")]
    assert abs(sum(few) - 100) <= 2 and min(few) > max(many)


def test_what_is_held_out_is_all_of_it_evenly_interleaved():
    one, two = sums(120), sums(30, "few")
    mixture = Mixture(((one, 1.0), (two, 9.0)))
    size = mixture.size("test")
    assert size == one.size("test") + two.size("test")
    labels = [mixture.problem("test", index).metadata["task"] for index in range(size)]
    half = labels[: size // 2].count("few")
    assert abs(half - two.size("test") / 2) <= 1


def test_a_problem_is_judged_by_its_own_task():
    mixture = Mixture({SMALL: 1.0, sums(20): 1.0})
    for index in range(20):
        problem = mixture.problem("train", index)
        part = problem.metadata["part"]
        answer = problem.answer if part == 0 else f"\\boxed{{{problem.answer}}}"
        assert mixture.verify(problem, answer) == mixture.tasks[part].verify(problem, answer)
        assert mixture.verify(problem, answer).score == 1.0


def test_demonstrations_are_mixed_as_problems_are_and_only_where_all_tasks_have_some():
    other = Countdown(max_value=5, seed=1)
    mixture = Mixture(((SMALL, 3.0), (other, 1.0)))
    shown = [mixture.demonstration(2, index) for index in range(80)]
    parts = [problem.metadata["part"] for problem, _ in shown]
    assert abs(parts.count(0) - 60) <= 2
    for part, task in enumerate(mixture.tasks):
        mine = [(problem.prompt, response) for problem, response in shown if problem.metadata["part"] == part]
        own = [task.demonstration(2, index) for index in range(len(mine))]
        assert mine == [(problem.prompt, response) for problem, response in own]
    pair = TrainTest(train=mixture, test=SMALL)
    assert [pair.demonstration(2, index)[1] for index in range(80)] == [response for _, response in shown]
    assert without_demonstrations(SMALL) == without_demonstrations(mixture) == without_demonstrations(pair) == []
    assert without_demonstrations(sums(9)) == without_demonstrations(Mixture({SMALL: 1.0, sums(9): 1.0})) == [sums(9)]


def test_tasks_of_one_name_are_told_apart():
    mixture = Mixture(((SMALL, 1.0), (Countdown(max_value=7), 1.0)))
    assert {mixture.problem("train", index).metadata["task"] for index in range(20)} == {"countdown_0", "countdown_1"}


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ((), "parts is empty"),
        (((sums(9), 0.0),), "the weight 0.0 of Problems is no share"),
        (((sums(9), float("inf")),), "the weight inf"),
        (((Mixture({sums(9): 1.0}), 1.0),), "is itself made of tasks"),
        (((SMALL, 1.0), (sums(9), 1.0)), "have different tokenizers|has another tokenizer"),
        (((SMALL, 1.0), (Countdown(max_intermediate=40), 1.0)), "have different tokenizers"),
    ],
    ids=["empty", "zero", "infinite", "nested", "words", "symbols"],
)
def test_what_cannot_be_mixed_is_refused(parts, message):
    with pytest.raises(ValueError, match=message):
        Mixture(parts).validate()


def test_a_pair_trains_on_one_task_and_is_tested_on_the_other():
    train, test = sums(60), sums(40, "test")
    pair = TrainTest(train=train, test=test)
    pair.validate()
    assert pair.size("train") == train.size("train") and pair.size("validation") == train.size("validation")
    assert pair.size("test") == test.size("test")
    problem = pair.problem("test", 0)
    assert (
        problem.id == test.problem("test", 0).id and pair.verify(problem, f"\\boxed{{{problem.answer}}}").score == 1.0
    )


def test_a_test_can_serve_as_the_validation():
    only_test = Problems([{"question": "a", "answer": 1}], test=[{"question": "b", "answer": 2}], validation_share=0.0)
    pair = TrainTest(train=sums(60), test=sums(40, "test"), validation=only_test)
    assert pair.size("validation") == 1 and pair.problem("validation", 0).prompt == "b"
