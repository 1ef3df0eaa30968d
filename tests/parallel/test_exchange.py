"""Two real processes tell each other values, and notice in the same moment when they do not do the same."""

from __future__ import annotations

import time

import pytest

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
