"""Turns, medians and ratios."""

from __future__ import annotations

import sys

import pytest

from benchmarks import comparison, subjects, workload


class Counted:
    """Notes who stepped when."""

    versions: dict[str, str] = {}

    def __init__(self, name: str, turns: list[tuple[str, int]]) -> None:
        self.name, self._turns = name, turns

    def step(self, number: int) -> subjects.Laps:
        self._turns.append((self.name, number))
        return {"toks": number}

    def close(self) -> None:
        pass


def lap(cpu: float, toks: int) -> subjects.Laps:
    phase = (9.0, cpu)
    return {"gen": phase, "update": phase, "steps": phase, "toks": toks, "peak_rss_GiB": cpu}


def test_every_subject_steps_once_a_round_and_another_one_begins():
    turns: list[tuple[str, int]] = []
    laps = comparison.interleaved([Counted("a", turns), Counted("b", turns)], rounds=2)
    assert turns == [("a", 0), ("b", 0), ("b", 1), ("a", 1), ("a", 2), ("b", 2)]
    assert [one["toks"] for one in laps["b"]] == [0, 1, 2]


def test_medians_leave_the_warm_up_out_and_count_cpu_seconds_here():
    found = comparison.medians([lap(50.0, 8), lap(1.0, 8), lap(4.0, 8), lap(2.0, 8)])
    assert (found["steps"], found["first"], found["tokens_per_s"]) == (2.0, 50.0, 4.0)
    assert found["peak_rss_GiB"] == 50.0


def test_a_peer_that_makes_more_tokens_is_compared_by_rate():
    # Ours: 10 tokens in 1 s. Peer: 40 tokens in 8 s, that is 5 a second: behind twice, not eight times.
    found = {"entropy_rl": {"toks": 10, "steps": 1.0}, "trl": {"toks": 40, "steps": 8.0}}
    assert comparison.ratios(found, "steps") == {"trl": 2.0}


@pytest.fixture
def work(tmp_path, monkeypatch):
    monkeypatch.setattr(subjects, "SCRIPTS", "tests.benchmarks")
    size = workload.SIZES["S"]
    return subjects.work(size, workload.Shape(new_tokens=4), steps=2, threads=1)


def test_a_peer_in_a_process_of_its_own_steps_when_told(work):
    peer = subjects.Peer("nobody", sys.executable, "stand_in", work)
    try:
        assert peer.versions == {"stand-in": "1.0"}
        laps = [peer.step(number) for number in range(2)]
    finally:
        peer.close()
    assert [one["said"][::-1] for one in laps] == [step[0] for step in work["prompts"]]
    assert laps[0]["toks"] == 16 * 16
    for one in laps:
        assert one["steps"][1] == pytest.approx(one["score"][1] + one["update"][1], abs=1e-3)


def test_a_peer_that_fails_says_why(work):
    with pytest.raises(subjects.Absent, match="bad luck"):
        subjects.Peer("nobody", sys.executable, "stand_in", work | {"threads": 13})


def test_a_peer_without_its_interpreter_is_absent(work):
    with pytest.raises(subjects.Absent, match="does not start"):
        subjects.Peer("nobody", "/nowhere/python", "stand_in", work)


def test_the_work_of_peers_is_that_of_the_trainer(work):
    problems = workload.problems(16, 16, seed=1)
    assert work["prompts"][1] == [problem.prompt for problem in problems]
    assert work["policy"] == {
        "layers": 4, "width": 128, "heads": 4, "kv_heads": 2, "head_width": 32, "feed_forward": 512, "vocab_size": 64
    }  # fmt: skip
