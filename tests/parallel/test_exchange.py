"""Two real processes tell each other values, and notice in the same moment when they do not do the same."""

from __future__ import annotations

import itertools
import time

import pytest

from entropy_rl.parallel import exchange
from tests.training import hosts


def run(what: str, folder) -> tuple[list[int], list[str], float]:
    """Exit codes, logs and seconds of two processes."""
    address, began = f"127.0.0.1:{hosts.free_port()}", time.monotonic()
    logs = [folder / f"{number}.log" for number in range(2)]
    processes = [
        hosts.start_module("tests.parallel.branches", [address, str(number), what], logs[number], 1)
        for number in range(2)
    ]
    try:
        return hosts.codes(processes, 100), [log.read_text() for log in logs], time.monotonic() - began
    finally:
        for process in processes:
            process.kill()


def test_values_of_both_arrive_on_both(tmp_path):
    codes, logs, _ = run("agree", tmp_path)
    assert codes == [0, 0], logs


class Store:
    """Texts under names, and how often one was read."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.reads = 0

    def key_value_set(self, name: str, text: str) -> None:
        self.texts[name] = text

    def key_value_delete(self, name: str) -> None:
        del self.texts[name]

    def blocking_key_value_get(self, name: str, milliseconds: int) -> str:
        self.reads += 1
        return self.texts[name]


def test_what_the_first_process_alone_needs_is_sent_to_it_alone_and_let_go(monkeypatch):
    shared = Store()
    monkeypatch.setattr(exchange, "store", lambda: shared)
    monkeypatch.setattr(exchange.jax, "process_count", lambda: 2)

    def become(process: int) -> None:
        monkeypatch.setattr(exchange.jax, "process_index", lambda: process)
        monkeypatch.setattr(exchange, "_numbers", itertools.count())
        monkeypatch.setattr(exchange, "_unread", [])

    become(1)
    assert exchange.to_first("b", "groups") is None and shared.reads == 0
    become(0)
    assert exchange.to_first("a", "groups") == ["a", "b"]
    shared.texts["exchange/1/1"] = '["figures", 2]'
    assert exchange.everyones(1, "figures") == [1, 2]
    assert sorted(shared.texts) == ["exchange/0/1", "exchange/1/0", "exchange/1/1"]  # process 1 lets its own go


def test_different_branches_end_both_with_what_they_were_about_to_do(tmp_path):
    codes, logs, _ = run("differ", tmp_path)
    assert codes == [1, 1]
    message = "processes took different branches: process 0 is at 'step 2'; process 1 is at 'step 3'"
    assert all(message in log for log in logs)


@pytest.mark.slow
def test_a_failure_of_one_ends_the_other_with_its_reason_and_code(tmp_path):
    codes, logs, seconds = run("fail", tmp_path)
    assert codes == [1, 1] and seconds < 60
    assert "process 1 on" in logs[0] and "no room on the disk of process 1" in logs[0]
