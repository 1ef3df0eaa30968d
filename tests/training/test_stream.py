"""The order of the training problems is a pure function of (seed, position), and of pass rates under a curriculum."""

from __future__ import annotations

import collections
import json

import pytest

from entropy_rl.rollout.curriculum import Band, EasiestFirst
from entropy_rl.tasks.countdown import Countdown
from entropy_rl.tasks.local import Problems
from entropy_rl.tasks.mixture import Mixture, TrainTest
from entropy_rl.training.stream import Stream, stream_index

SMALL = Countdown(max_value=6, validation_problems=8, test_problems=8)


def arithmetic(count: int, name: str = "sums") -> Problems:
    rows = [{"question": f"{name}: {n} + 1?", "answer": n + 1} for n in range(count)]
    return Problems(rows, name=name, validation_share=0.0, test_share=0.0)


def ids(drawn) -> list[str]:
    return [one.problem.id for one in drawn]


def test_an_endless_task_is_read_as_it_always_was():
    """Runs of Countdown keep their numbers: position after position, from a place of its own for each seed."""
    drawn = Stream(SMALL, seed=3).take(5)
    assert [one.position for one in drawn] == [0, 1, 2, 3, 4]
    assert [one.problem for one in drawn] == [SMALL.problem("train", 3 * 2**31 + n) for n in range(5)]


def test_a_finite_split_is_read_whole_in_every_epoch_and_in_another_order():
    first, second = ([stream_index(10, 3, cursor) for cursor in range(start, start + 10)] for start in (0, 10))
    assert sorted(first) == sorted(second) == list(range(10))
    assert first != second and first != [stream_index(10, 4, cursor) for cursor in range(10)]


def test_an_endless_split_gives_each_seed_problems_of_its_own():
    assert stream_index(None, 1, 5) - stream_index(None, 1, 4) == 1
    assert stream_index(None, 0, (1 << 31) - 1) < stream_index(None, 1, 0)


def test_how_many_are_taken_at_once_does_not_matter():
    task = Mixture({arithmetic(7): 2.0, arithmetic(5, "more"): 1.0})
    whole = ids(Stream(task, 1).take(40))
    stream = Stream(task, 1)
    assert whole == [one for count in (1, 9, 30) for one in ids(stream.take(count))]


def test_a_mixture_holds_its_shares_and_each_of_its_tasks_is_read_epoch_by_epoch():
    task = Mixture({arithmetic(7): 3.0, arithmetic(5, "more"): 1.0})
    drawn = Stream(task, 0).take(400)
    labels = collections.Counter(one.problem.metadata["task"] for one in drawn)
    assert abs(labels["sums"] - 300) <= 2
    for name, size in (("sums", 7), ("more", 5)):
        mine = [one.problem.id for one in drawn if one.problem.metadata["task"] == name]
        assert len(set(mine[:size])) == size and set(mine[:size]) == set(mine[size : 2 * size])


def test_each_seed_mixes_in_an_order_of_its_own():
    task = Mixture({arithmetic(7): 1.0, arithmetic(5, "more"): 1.0})
    orders = {tuple(one.problem.metadata["part"] for one in Stream(task, seed).take(20)) for seed in range(8)}
    assert len(orders) > 4


def test_the_training_task_of_a_pair_is_what_is_drawn():
    task = TrainTest(train=arithmetic(6), test=arithmetic(3, "test"))
    assert len({one.problem.id for one in Stream(task, 0).take(6)}) == 6
    assert Stream(task, 0).take(1)[0].problem.metadata["split"] == "train"


def test_prompts_that_are_too_long_are_left_out_and_counted():
    stream = Stream(arithmetic(20), 0, fits=lambda prompt: len(prompt) < len("sums: 10 + 1?"))  # below ten
    assert len(set(ids(stream.take(10)))) == 10 and stream.left_out == 10
    assert stream.figures()["data/too_long"] == 10 and stream.figures()["data/epoch"] == 1.0


def test_prompts_of_an_endless_task_that_are_too_long_are_skipped_and_counted():
    short = lambda prompt: not prompt.startswith("1")  # noqa: E731
    stream = Stream(SMALL, 0, fits=short)
    drawn = stream.take(20)
    assert all(short(one.problem.prompt) for one in drawn)
    everything = [SMALL.problem("train", n).prompt for n in range(stream.cursor)]
    assert stream.left_out == sum(not short(prompt) for prompt in everything) > 0
    assert [one.problem.prompt for one in drawn] == [prompt for prompt in everything if short(prompt)]


def test_a_task_with_nothing_that_fits_is_refused():
    with pytest.raises(ValueError, match="4 problems, 4 of them with prompts that are too long"):
        Stream(arithmetic(4), 0, fits=lambda _: False)


def test_a_curriculum_that_leaves_nothing_out_keeps_every_problem():
    stream = Stream(arithmetic(12), 0, EasiestFirst(window=12))
    assert sorted(ids(stream.take(12))) == sorted(ids(Stream(arithmetic(12), 0).take(12)))


def test_the_second_epoch_goes_from_easy_to_hard():
    stream = Stream(arithmetic(6), 0, EasiestFirst(window=6))
    first = [one.problem for one in stream.take(6)]
    rates = [0.0, 1.0, 0.25, 0.75, 0.5, 0.1]
    stream.observe(first, rates)
    expected = [problem.id for _, problem in sorted(zip(rates, first, strict=True), key=lambda pair: -pair[0])]
    assert ids(stream.take(6)) == expected


def test_a_pass_rate_remembers_the_one_before():
    stream = Stream(arithmetic(1), 0, Band(memory=0.5))
    problem = stream.take(1)[0].problem
    for accuracy in (1.0, 0.0, float("nan")):  # 1, then 0.5 * 1 + 0.5 * 0; what was not measured changes nothing
        stream.observe([problem], [accuracy])
    assert stream.state()["rates"] == {problem.id: 0.5}


def test_problems_outside_the_band_come_back_now_and_then():
    stream = Stream(arithmetic(50), 0, Band(low=0.2, high=0.8, revisit=0.2, window=50))
    stream.observe([one.problem for one in stream.take(50)], [0.0] * 50)
    stream.take(40)
    assert 50 + 50 <= stream.cursor <= 50 + 50 * 10  # a fifth of them an epoch: 40 take four epochs or so


@pytest.mark.parametrize("stop", range(0, 12))
def test_a_restored_stream_goes_on_as_if_nothing_had_been(stop):
    """Through JSON, at every step, with mixing, a curriculum and prompts that are skipped."""
    task = Mixture({arithmetic(9): 2.0, SMALL: 1.0})

    def make() -> Stream:
        return Stream(task, 5, Band(window=5, revisit=0.3), fits=lambda prompt: "3" not in prompt)

    def step(stream: Stream) -> list[tuple[int, str]]:
        drawn = stream.take(4)
        stream.observe([one.problem for one in drawn], [(one.position % 5) / 4 for one in drawn])
        return [(one.position, one.problem.id) for one in drawn]

    whole = make()
    expected = [step(whole) for _ in range(12)]
    first = make()
    before = [step(first) for _ in range(stop)]
    second = make()
    second.restore(json.loads(json.dumps(first.state())))
    assert before + [step(second) for _ in range(12 - stop)] == expected


def test_a_stream_over_other_problems_is_not_gone_on_with():
    state = Stream(arithmetic(9), 0).state()
    with pytest.raises(ValueError, match="the training problems changed since the checkpoint"):
        Stream(arithmetic(10), 0).restore(state)
