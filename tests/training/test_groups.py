"""Groups without signal are replaced, surplus waits one step, and both survive a checkpoint: for any number of
processes."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import threading
from typing import Any

import jax
import numpy as np
import pytest

from entropy_rl.problem import Problem, Verdict
from entropy_rl.rollout.curriculum import Band
from entropy_rl.rollout.filters import DynamicSampling
from entropy_rl.tasks.local import Problems
from entropy_rl.tasks.mixture import Mixture
from entropy_rl.training import groups, processes
from entropy_rl.training.groups import Group, refill
from entropy_rl.training.stream import Drawn, Stream
from entropy_rl.types import Rollout

NAN = float("nan")


def group(accuracy: float, position: int = 0, size: int = 4) -> Group:
    """So many right responses of `size`; NaN: none was decided."""
    right = 0 if accuracy != accuracy else round(accuracy * size)
    undecided = accuracy != accuracy
    verdicts = [Verdict(0.5, {"accuracy": float(n < right)}, undecided=undecided) for n in range(size)]
    return Group(Drawn(position, Problem(str(position), "p", "a")), verdicts, {})


def positions(found: list[Group]) -> list[int]:
    return [one.drawn.position for one in found]


def rounds_of(*accuracies: list[float]):
    """A `sample` that gives these rounds, positions counted through."""
    counter = iter(range(1000))
    prepared = iter([[group(accuracy, next(counter)) for accuracy in one] for one in accuracies])
    return lambda: next(prepared)


def test_groups_of_equals_are_replaced_and_the_surplus_waits():
    # kept: 1, 2 of the first round, 3 and 5 of the second; two are asked for, so that the second round was not needed
    found = refill(DynamicSampling(), [], 2, rounds_of([1.0, 0.5, 0.25]))
    assert positions(found.groups) == [1, 2] and found.carried == []
    found = refill(DynamicSampling(), [], 3, rounds_of([1.0, 0.5, 0.25], [0.75, 0.0, 0.5]))
    assert positions(found.groups) == [1, 2, 3] and positions(found.carried) == [5]
    assert found.figures == {
        "sampling/rounds": 2.0,
        "sampling/too_hard": 1 / 6,
        "sampling/too_easy": 1 / 6,
        "sampling/undecided": 0.0,
        "sampling/carried": 0.0,
        "sampling/filled": 0.0,
        "sampling/surplus": 1 / 3,
    }


def test_what_was_carried_over_comes_first_and_is_counted():
    found = refill(DynamicSampling(), [group(0.5, 77)], 2, rounds_of([0.25, 0.75]))
    assert positions(found.groups) == [77, 0] and positions(found.carried) == [1]
    assert found.figures["sampling/carried"] == 0.5


def test_when_the_rounds_are_over_the_batch_is_filled_up_not_abandoned():
    found = refill(DynamicSampling(rounds=2), [], 3, rounds_of([NAN, 0.0, 0.5], [1.0, NAN, 0.0]))
    assert positions(found.groups) == [2, 1, 3]  # the one with signal, then decided ones in the order they were drawn
    assert found.figures["sampling/filled"] == 2 / 3 and found.figures["sampling/undecided"] == 2 / 6


def test_a_policy_that_knows_nothing_still_trains():
    found = refill(DynamicSampling(rounds=1), [], 2, rounds_of([NAN, NAN]))
    assert len(found.groups) == 2 and found.figures["sampling/filled"] == 1.0


def test_the_accuracy_of_a_group_is_raw_and_of_decided_responses():
    verdicts = [Verdict(9.0, {"accuracy": 1.0}), Verdict(-3.0, {"accuracy": 0.0}), Verdict(0.0, undecided=True)]
    assert Group(Drawn(0, Problem("i", "p", "a")), verdicts, {}).accuracy == 0.5


def a_rollout(prompts: int, size: int, width: int, length: int) -> Rollout:
    rng = np.random.default_rng(0)
    rows = prompts * size
    mask = np.arange(length) < rng.integers(0, length + 1, rows)[:, None]
    floats = [np.where(mask, rng.normal(size=mask.shape), 0.0).astype(np.float32) for _ in range(3)]
    prompt_mask = np.arange(width) >= width - rng.integers(1, width + 1, prompts)[:, None]
    arrays = (
        np.where(prompt_mask, rng.integers(2, 99, (prompts, width)), 1).astype(np.int32), prompt_mask,
        np.where(mask, rng.integers(2, 99, mask.shape), 1).astype(np.int32), mask, *floats,
        np.full(rows, 0.7, np.float32), rng.integers(0, 2**32, rows, np.uint32), np.full(rows, 3, np.int32),
        rng.random(rows) < 0.5,
    )  # fmt: skip
    return Rollout(*(jax.numpy.asarray(array) for array in arrays))


def a_stream(seed: int = 0, names: int = 40) -> Stream:
    rows = [{"question": f"{n}?", "answer": n} for n in range(names)]
    one = Problems(rows, name="one", validation_share=0.0, test_share=0.0)
    two = Problems([{"question": f"two {n}?", "answer": n} for n in range(7)], name="two", test_share=0.2)
    return Stream(Mixture({one: 3.0, two: 1.0}), seed, Band(low=0.01, high=0.99, window=6, revisit=0.3))


def test_a_group_comes_back_from_a_checkpoint_bit_for_bit():
    stream, rollout = a_stream(), a_rollout(3, 2, 5, 6)
    verdicts = [Verdict(1 / 3, {"accuracy": 1.0, "length": 0.1}, "why", "5", n == 2) for n in range(6)]
    before = groups.split(stream.take(3), rollout, verdicts)
    after = groups.decoded(json.loads(json.dumps(groups.encoded(before))), stream, 5, 6, pad_id=1)
    assert [one.drawn for one in after] == [one.drawn for one in before]
    assert [one.verdicts for one in after] == [one.verdicts for one in before]
    for name in (field.name for field in dataclasses.fields(Rollout)):
        for mine, theirs in zip(after, before, strict=True):
            assert mine.arrays[name].dtype == theirs.arrays[name].dtype, name
            np.testing.assert_array_equal(mine.arrays[name], theirs.arrays[name], err_msg=name)


def test_groups_put_together_again_are_the_rollout():
    stream, rollout = a_stream(), a_rollout(4, 3, 5, 6)
    joined = groups.join(groups.split(stream.take(4), rollout, [Verdict(0.0)] * 12), rollout)
    jax.tree.map(np.testing.assert_array_equal, joined, rollout)


def test_another_number_of_processes_shares_what_was_left():
    assert processes.share_of([[1, 2], [3]], 1, 2, most=5) == [3]
    left = [[1, 2, 3], [4]]
    assert [processes.share_of(left, process, 3, most=1) for process in range(3)] == [[1], [2], [3]]
    assert processes.share_of(left, 0, 1, most=9) == [1, 2, 3, 4]


class Fleet:
    """As many processes as threads, in lockstep: each has its own stream and carries over its own groups."""

    def __init__(self, number: int, prompts: int = 4, saved: str | None = None):
        self.number, self.prompts = number, prompts
        self.streams = [a_stream(5) for _ in range(number)]
        self.carried: list[list[Group]] = [[] for _ in range(number)]
        self.step = 0
        if saved is not None:
            state = json.loads(saved)
            self.step = state["step"]
            for process, stream in enumerate(self.streams):
                stream.restore(state["stream"])
                positions = processes.share_of(state["carried"], process, number, prompts // number - 1)
                self.carried[process] = [self.judged(Drawn(p, stream.problem_at(p)), v) for p, v in positions]

    def judged(self, drawn: Drawn, step: int) -> Group:
        """How a policy of a step answers: chance, but the same on every machine."""
        lot = hashlib.sha256(f"{drawn.problem.id}/{drawn.position}/{step}".encode()).digest()[0] % 7
        right = max(0, lot - 2)
        verdicts = [Verdict(float(n < right)) for n in range(4)]
        return Group(drawn, verdicts, {"step": np.array(step)})

    def train_step(self) -> list[list[tuple[int, str]]]:
        """What each process trains on: (position, problem id)."""
        self.step += 1
        barrier = threading.Barrier(self.number)
        wishes, drawn_groups = [False] * self.number, [[] for _ in range(self.number)]
        results: list[Any] = [None] * self.number

        def run(process: int) -> None:
            stream = self.streams[process]

            def another(wanted: bool) -> bool:
                wishes[process] = wanted
                barrier.wait()
                agreed = any(wishes)
                barrier.wait()
                return agreed

            def sample() -> list[Group]:
                asked = stream.take(self.prompts)
                own = asked[process * self.prompts // self.number : (process + 1) * self.prompts // self.number]
                mine = [self.judged(one, self.step) for one in own]
                drawn_groups[process] = mine
                barrier.wait()
                everyone = [one for part in drawn_groups for one in part]
                barrier.wait()
                stream.observe([one.problem for one in asked], [one.accuracy for one in everyone])
                return mine

            share = self.prompts // self.number
            results[process] = refill(DynamicSampling(rounds=3), self.carried[process], share, sample, another)

        threads = [threading.Thread(target=run, args=(process,)) for process in range(self.number)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.carried = [result.carried for result in results]
        return [[(one.drawn.position, one.drawn.problem.id) for one in result.groups] for result in results]

    def saved(self) -> str:
        carried = [[(one.drawn.position, int(one.arrays["step"])) for one in part] for part in self.carried]
        states = [stream.state() for stream in self.streams]
        assert all(state == states[0] for state in states)  # the processes never disagree
        return json.dumps({"stream": states[0], "carried": carried, "step": self.step})


@pytest.mark.parametrize("number", [1, 2])
def test_resumed_at_any_step_every_process_repeats_exactly_the_prompts_of_the_uninterrupted_run(number):
    steps, whole = 12, Fleet(number)
    expected, carried = [], 0
    states = [whole.saved()]
    for _ in range(steps):
        expected.append(whole.train_step())
        states.append(whole.saved())
        carried += sum(map(len, whole.carried))
    assert carried > 3  # or it would show little
    for stop in range(steps):
        again = Fleet(number, saved=states[stop])
        assert [again.train_step() for _ in range(steps - stop)] == expected[stop:], stop


def test_two_processes_never_train_on_the_same_draw():
    fleet = Fleet(2)
    trained = [one for _ in range(12) for part in fleet.train_step() for one in part]
    assert len({position for position, _ in trained}) == len(trained) == 48
