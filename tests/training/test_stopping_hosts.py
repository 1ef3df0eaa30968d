"""SIGTERM to one real process of several: all leave after the same update, over the store that a pod would use."""

from __future__ import annotations

import signal
import time

import pytest

from entropy_rl.training.interrupts import EXIT_CODE
from tests.training import hosts, resuming
from tests.training.hosts import free_port, start_module


@pytest.mark.slow
@pytest.mark.parametrize("asked", [[0], [1], [0, 1]])
def test_processes_leave_together_when_one_or_all_are_asked(tmp_path, asked):
    port = str(free_port())
    started = [
        start_module("tests.training.stopping_hosts", [port, str(number), "2", str(tmp_path)], tmp_path / "log", 1)
        for number in range(2)
    ]
    try:
        deadline = time.monotonic() + 120
        while not all((tmp_path / f"{number}.updates").exists() for number in range(2)):
            assert time.monotonic() < deadline and not any(process.poll() for process in started)
            time.sleep(0.01)
        for number in asked:
            started[number].send_signal(signal.SIGTERM)
        asked_at = time.monotonic()
        assert [process.wait(60) for process in started] == [EXIT_CODE] * 2, (tmp_path / "log").read_text()[-3000:]
        assert time.monotonic() - asked_at < 30
    finally:
        for process in started:
            process.kill()
    left = [(tmp_path / f"{number}.left").read_text() for number in range(2)]
    assert left[0] == left[1]


@pytest.mark.slow
def test_a_notice_that_jax_s_own_service_received_is_followed_too(tmp_path):
    port = str(free_port())
    arguments = lambda number: [port, str(number), "2", str(tmp_path), "1"]  # noqa: E731
    started = [
        start_module("tests.training.stopping_hosts", arguments(number), tmp_path / "log", 1) for number in range(2)
    ]
    try:
        assert hosts.codes(started) == [EXIT_CODE] * 2, (tmp_path / "log").read_text()[-3000:]
    finally:
        for process in started:
            process.kill()
    left = [(tmp_path / f"{number}.left").read_text() for number in range(2)]
    assert left[0] == left[1]


@pytest.mark.slow
@pytest.mark.parametrize("asked", [0, 1])
def test_one_host_asked_to_stop_before_its_run_began_takes_the_other_along_at_once(tmp_path, asked):
    workdir = tmp_path / "run"
    with hosts.training(workdir, tmp_path / "bases", "--set=init.steps=1000000") as processes:
        log = hosts.log_of(workdir, asked)
        hosts.wait_until(lambda: "training base" in log.read_text(), processes[asked])
        processes[asked].send_signal(signal.SIGTERM)
        asked_at = time.monotonic()
        assert hosts.codes(processes, 60) == [EXIT_CODE] * 2, log.read_text()[-3000:]
        assert time.monotonic() - asked_at < 30
    for process in range(2):
        assert "stopped before anything was done that" in hosts.log_of(workdir, process).read_text()


@pytest.mark.slow
def test_a_run_on_two_hosts_of_which_one_is_asked_to_stop_is_the_run_left_alone(tmp_path):
    bases, flags = tmp_path / "bases", ("--set=steps=8", "--set=checkpoint.every=100")
    with hosts.training(tmp_path / "whole", bases, *flags) as processes:
        assert hosts.codes(processes, 600) == [0, 0]
    workdir = tmp_path / "run"
    with hosts.training(workdir, bases, *flags) as processes:
        hosts.wait_until(lambda: resuming.last_step(workdir) >= 2, processes[1], pause=0.001)
        processes[1].send_signal(signal.SIGTERM)
        assert hosts.codes(processes, 60) == [EXIT_CODE] * 2, hosts.log_of(workdir, 1).read_text()[-3000:]
    (saved,) = resuming.finished_checkpoints(workdir)  # the one of the stop
    assert 2 <= resuming.last_step(workdir) <= saved < 8
    with hosts.training(workdir, bases, *flags) as processes:
        assert hosts.codes(processes, 600) == [0, 0]
    assert resuming.outcome(workdir) == resuming.outcome(tmp_path / "whole")
