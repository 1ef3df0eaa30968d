import os
import signal
import subprocess
import sys
import time

import pytest

from entropy_rl.problem import Problem, Verdict
from entropy_rl.rewards.maths_equivalence import MathsEquivalence
from entropy_rl.rewards.pool import DIED, TIMED_OUT, Pool, Workers
from entropy_rl.rewards.reward import FAILED, Completion, OfGroup
from entropy_rl.rewards.scoring import failure_count, score_all, score_groups
from tests.verifier.hostile import hostile

PROBLEM = Problem("p", "What is six times seven?", "42", {"level": 3})


def completion(text, finished=True):
    return Completion(text, n_tokens=len(text), finished=finished, tokens=(1, 2, 3))


def behave(problem, given):
    """Does what the completion says."""
    text = given.text
    if text == "loop":
        while True:
            pass
    if text == "power":
        return float(9**9**9)  # one operation in C that no Python handler could interrupt
    if text == "sleep":
        time.sleep(1000)
    if text == "swallow":
        while True:
            try:
                while True:
                    pass
            except BaseException:  # that is the point
                continue
    if text == "die":
        os._exit(3)
    if text == "exit":
        sys.exit(1)
    if text == "raise":
        raise KeyError("no such thing")
    if text == "memory":
        return len("x" * (16 << 30))
    if text == "abstain":
        return None
    if text == "print":
        os.write(1, b"not a reply\n")
    return len(given.tokens)


@pytest.fixture(scope="module")
def pool():
    with Pool(2, seconds=0.5, batch_seconds=15.0) as pool:
        pool.score(behave, [PROBLEM] * 8, [completion("warm")] * 8)
        yield pool


def outcome(verdict):
    return next((name for name in (TIMED_OUT, DIED, FAILED) if name in verdict.components), verdict.score)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("loop", TIMED_OUT),
        ("power", TIMED_OUT),
        ("sleep", TIMED_OUT),
        ("swallow", TIMED_OUT),
        ("die", DIED),
        ("exit", FAILED),
        ("raise", FAILED),
        ("memory", FAILED),
        ("print", 3.0),
    ],
)
def test_whatever_one_answer_does_costs_it_alone(pool, text, expected):
    texts = ["fine", "fine", text, "fine", "fine"]
    verdicts = pool.score(behave, [PROBLEM] * 5, [completion(each) for each in texts])
    assert [outcome(verdict) for verdict in verdicts] == [3.0, 3.0, expected, 3.0, 3.0]
    assert [verdict.undecided for verdict in verdicts] == [False, False, isinstance(expected, str), False, False]


def test_none_abstains_and_functions_carry_what_they_close_over(pool):
    bonus = 0.25

    def reward(problem, given):
        return None if given.text == "abstain" else bool(problem.metadata["level"] == 3) + bonus

    verdicts = pool.score(reward, [PROBLEM] * 2, [completion("abstain"), completion("x")])
    assert [(verdict.score, verdict.undecided) for verdict in verdicts] == [(0.0, True), (1.25, False)]
    assert verdicts[0].reason == "the reward abstains" and not verdicts[0].components
    assert pool.score(lambda problem, given: 2, [PROBLEM], [completion("x")])[0].score == 2.0


def test_a_function_of_a_notebook_cell_works_in_workers():
    code = """
from entropy_rl.problem import Problem
from entropy_rl.rewards.pool import Pool
from entropy_rl.rewards.reward import Completion
import sys
WEIGHT = 0.5
def helper(text): return len(text) * WEIGHT
def mine(problem, completion): return helper(completion.text) + ("jax" in sys.modules)
with Pool(1) as pool:
    (verdict,) = pool.score(mine, [Problem("p", "q", "a")], [Completion("four", 1, True)])
sys.exit(0 if verdict.score == 2.0 else 1)
"""
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0


def test_a_group_is_judged_whole(pool):
    @OfGroup
    def shortest(problem, completions):
        least = min(len(each.text) for each in completions)
        return [float(len(each.text) == least) for each in completions]

    given = [completion(text) for text in ("a", "bb", "ccc", "dd")]
    verdicts = score_groups(shortest, [PROBLEM] * 2, given, pool=pool)
    assert [verdict.score for verdict in verdicts] == [1.0, 0.0, 0.0, 1.0]
    assert verdicts == score_groups(shortest, [PROBLEM] * 2, given)


def test_workers_and_process_give_the_same_verdicts_in_the_same_order(pool):
    answers = [r"\boxed{42}", r"\boxed{6\cdot7}", r"\boxed{\sqrt{1764}}", "41", "", "\ud800 so 42", r"\boxed{x}"]
    given = [completion(text) for text in answers] + [completion("42", finished=False)]
    reward = MathsEquivalence()
    verdicts = score_all(reward, [PROBLEM] * 8, given, pool)
    assert verdicts == score_all(reward, [PROBLEM] * 8, given)
    assert [verdict.score for verdict in verdicts] == [1, 1, 1, 0, 0, 1, 0, 0]


def test_accidents_are_counted_as_shares_of_their_batch(pool):
    verdicts = score_all(behave, [PROBLEM] * 4, [completion(text) for text in ("raise", "a", "b", "loop")], pool)
    assert [verdict.components for verdict in verdicts] == [
        {FAILED: 1.0, TIMED_OUT: 0.0},
        {FAILED: 0.0, TIMED_OUT: 0.0},
        {FAILED: 0.0, TIMED_OUT: 0.0},
        {FAILED: 0.0, TIMED_OUT: 1.0},
    ]
    assert failure_count(verdicts) == 1
    assert verdicts[0].reason == "the reward raised KeyError: 'no such thing'"


def test_a_reward_that_states_in_process_stays_there(pool):
    class Here:
        in_process = True

        def __call__(self, problem, given):
            return float(os.getpid())

    assert score_all(Here(), [PROBLEM], [completion("x")], pool)[0].score == os.getpid()
    assert score_all(lambda *_: float(os.getpid()), [PROBLEM], [completion("x")], pool)[0].score in pool.worker_pids


def test_a_worker_killed_from_outside_costs_one_undecided_score():
    with Pool(2, batch_seconds=30.0) as pool:
        slow = lambda problem, given: time.sleep(0.05) or 1.0  # noqa: E731
        pool.score(slow, [PROBLEM] * 4, [completion("x")] * 4)
        batch = pool.submit(slow, [PROBLEM] * 40, [completion("x")] * 40)
        time.sleep(0.3)
        os.kill(pool.worker_pids[0], signal.SIGKILL)
        verdicts = pool.result(batch)
    assert sum(verdict.undecided for verdict in verdicts) == 1
    assert sum(verdict.components.get(DIED, 0.0) for verdict in verdicts) == 1
    assert sum(verdict.score for verdict in verdicts) == 39


def test_the_trainer_waits_no_longer_than_the_limit_of_a_batch():
    with Pool(2, seconds=1.0, batch_seconds=3.0) as pool:
        pool.score(behave, [PROBLEM] * 2, [completion("warm")] * 2)
        begun = time.monotonic()
        verdicts = pool.score(behave, [PROBLEM] * 20, [completion("loop")] * 20)
        assert time.monotonic() - begun <= 3.0 + 1.0
        assert all(verdict.undecided and outcome(verdict) == TIMED_OUT for verdict in verdicts)
        again = pool.score(behave, [PROBLEM], [completion("fine")])
        assert again[0].score == 3.0  # the workers of the batch before were replaced


class SlowToArrive:
    """A reward whose imports take their time, in a worker."""

    def __init__(self):
        self.state = "not empty, or it is not restored"

    def __setstate__(self, state):
        time.sleep(2.0)

    def __call__(self, problem, completion):
        return 1.0


def test_the_time_in_which_a_worker_starts_and_imports_is_not_the_batch_s():
    with Pool(1, seconds=1.0, batch_seconds=1.0) as pool:
        verdicts = pool.score(SlowToArrive(), [PROBLEM] * 4, [completion("x")] * 4)
    assert [verdict.score for verdict in verdicts] == [1.0] * 4


def test_scoring_overlaps_what_the_trainer_does():
    with Pool(1) as pool:
        slow = lambda problem, given: time.sleep(0.2) or 1.0  # noqa: E731
        pool.score(slow, [PROBLEM], [completion("x")])
        begun = time.monotonic()
        batch = pool.submit(slow, [PROBLEM] * 4, [completion("x")] * 4)
        assert time.monotonic() - begun < 0.15
        time.sleep(1.2)  # the device decodes
        begun = time.monotonic()
        assert len(pool.result(batch)) == 4
        assert time.monotonic() - begun < 0.15


def alive(pids):
    def running(pid):
        try:
            with open(f"/proc/{pid}/stat") as file:
                return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
        except OSError:
            return False

    return [pid for pid in pids if running(pid)]


def test_no_worker_outlives_its_pool():
    with Pool(2) as pool:
        pool.score(behave, [PROBLEM] * 2, [completion("x")] * 2)
        pids = pool.worker_pids
        assert len(alive(pids)) == 2
    assert not alive(pids)


def test_no_worker_outlives_a_trainer_that_is_killed():
    code = """
import sys, time
from entropy_rl.problem import Problem
from entropy_rl.rewards.pool import Pool
from entropy_rl.rewards.reward import Completion
pool = Pool(2)
pool.submit(lambda problem, given: time.sleep(1000), [Problem("p", "q", "a")] * 2, [Completion("x", 1, True)] * 2)
time.sleep(1.0)
sys.stdout.write(" ".join(map(str, pool.worker_pids)) + "\\n")
sys.stdout.flush()
time.sleep(1000)
"""
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as trainer:
        assert trainer.stdout is not None
        pids = [int(pid) for pid in trainer.stdout.readline().split()]
        assert len(alive(pids)) == 2
        trainer.kill()
    deadline = time.monotonic() + 5.0
    while alive(pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(pids)


def test_hostile_completions_end_within_the_limit_and_leak_no_worker(pool, tmp_path):
    given = [completion(text) for _, text in hostile(str(tmp_path / "owned"))]
    problems = [Problem("p", "q", "43.5")] * len(given)
    begun, before = time.monotonic(), len(pool.worker_pids)
    verdicts = pool.score(MathsEquivalence(), problems, given)
    assert time.monotonic() - begun < pool.limits.limit(len(given)) + 1.0
    assert len(verdicts) == len(given) >= 200
    assert all((verdict.score, verdict.undecided) == (0.0, False) for verdict in verdicts)
    assert len(pool.worker_pids) == before == 2
    assert not any(tmp_path.iterdir())


def test_metadata_that_cannot_travel_is_an_undecided_verdict_that_says_so(pool):
    (verdict,) = pool.score(behave, [Problem("p", "q", "a", {"task": object()})], [completion("x")])
    assert verdict.undecided and "metadata must hold plain JSON values" in verdict.reason


def test_a_reward_that_cannot_travel_is_an_error_that_says_so(pool):
    lock = __import__("threading").Lock()
    with pytest.raises(ValueError, match="cannot travel to the workers"):
        pool.submit(lambda *_: lock and 1.0, [PROBLEM], [completion("x")])


def test_a_reward_that_cannot_be_imported_fails_its_batch_and_no_more(pool):
    class Broken:
        def __call__(self, problem, given):
            return 1.0

        def __reduce__(self):
            return (__import__, ("a_module_that_is_not_there",))

    verdicts = pool.score(Broken(), [PROBLEM] * 3, [completion("x")] * 3)
    assert [outcome(verdict) for verdict in verdicts] == [FAILED] * 3
    assert "ModuleNotFoundError" in verdicts[0].reason
    assert pool.score(behave, [PROBLEM], [completion("fine")])[0] == Verdict(3.0)


@pytest.mark.parametrize(
    ("field", "value"), [("count", 0), ("seconds", 0.0), ("batch_seconds", float("inf")), ("memory_bytes", 1 << 20)]
)
def test_limits_that_make_no_sense_are_named(field, value):
    with pytest.raises(ValueError, match=f"workers.{field}="):
        Workers(**{field: value}).validate()


def test_an_empty_batch_is_no_trouble(pool):
    assert pool.score(behave, [], []) == []
