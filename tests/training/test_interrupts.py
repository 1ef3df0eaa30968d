"""A signal is a request, followed at a safe point; several processes leave at the same one."""

import os
import random
import signal
import threading
import time

import jax
import jax.numpy as jnp
import pytest

from entropy_rl.training import interrupts
from entropy_rl.training.interrupts import Leaving, Stop, stop_requests


def kill() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def test_a_signal_becomes_a_flag_and_the_old_handlers_come_back():
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    with stop_requests() as stop:
        stop.opened = True
        stop.point()
        assert not stop
        kill()
        assert stop
        with pytest.raises(Leaving):
            stop.point()
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_the_second_signal_does_not_wait_but_an_echo_is_none(monkeypatch):
    with pytest.raises(KeyboardInterrupt), stop_requests() as stop:
        stop.opened = True
        kill()
        kill()  # the same signal, passed on by a shell
        assert stop
        monkeypatch.setattr(interrupts, "ECHO_SECONDS", 0.0)
        time.sleep(0.001)
        kill()


def test_with_nothing_to_save_a_signal_ends_the_run_at_once():
    with pytest.raises(KeyboardInterrupt), stop_requests():
        kill()


def test_outside_the_main_thread_nothing_is_caught():
    seen = []

    def body():
        with stop_requests() as stop:
            seen.append(bool(stop))

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    assert seen == [False]


@jax.jit
def much_work(matrix):
    return jax.lax.fori_loop(0, 2000, lambda _, m: m @ matrix / 300.0, matrix)  # a second or more


def test_a_wait_is_left_long_before_its_arrays_are_ready():
    matrix = jnp.ones((300, 300))
    jax.block_until_ready(much_work(matrix))
    with stop_requests() as stop:
        stop.opened = True
        threading.Timer(0.02, kill).start()
        working = much_work(matrix)
        with pytest.raises(Leaving):
            stop.wait(working)
        assert not working.is_ready()
    jax.block_until_ready(working)


def test_a_wait_gives_the_arrays_and_an_error_of_theirs():
    assert Stop().wait({"a": jnp.ones(3), "b": None, "c": 1})["a"].sum() == 3

    class Broken:
        def is_ready(self) -> bool:
            return False

        def block_until_ready(self) -> None:
            raise RuntimeError("out of memory")

    waiting = interrupts._Waiting(None)
    waiting._block([Broken()])
    with pytest.raises(RuntimeError, match="out of memory"):
        waiting.raise_errors()


class Notices:
    """A board in memory; every process has one, with the same texts."""

    def __init__(self, texts: dict[str, str], process: int, processes: int) -> None:
        self.texts, self.process, self.processes = texts, process, processes

    def write(self, name: str, text: str) -> None:
        self.texts[name] = text

    def read(self, name: str) -> str | None:
        return self.texts.get(name)

    def settle(self, name: str, text: str) -> str:
        return self.texts.setdefault(name, text)


class Timed:
    """In the place of a wait for arrays: one for so many seconds."""

    def __init__(self, seconds: float) -> None:
        self.end = time.monotonic() + (seconds or 0.0)

    def over(self, seconds: float) -> bool:
        time.sleep(max(min(seconds, self.end - time.monotonic()), 0.0))
        return time.monotonic() >= self.end

    def raise_errors(self) -> None:
        """Nothing goes wrong."""


class Fleet:
    """Threads in the place of processes, each of another pace. Exchanges and updates need all of them."""

    def __init__(self, processes: int, steps: int) -> None:
        texts: dict[str, str] = {}
        self.stops = [Stop(Notices(texts, process, processes)) for process in range(processes)]
        self.meeting, self.steps = threading.Barrier(processes, timeout=10), steps
        self.updates, self.left = [0] * processes, [False] * processes
        self.threads = [threading.Thread(target=self.run, args=(process,)) for process in range(processes)]
        for thread in self.threads:
            thread.start()

    def run(self, process: int) -> None:
        stop, chance = self.stops[process], random.Random(process)
        pause = lambda: chance.choice((0.0, 0.0, 0.002, 0.02))  # noqa: E731
        try:
            for _ in range(self.steps):
                stop.point()
                stop.wait(pause())  # type: ignore[arg-type]
                time.sleep(pause())
                self.meeting.wait()
                stop.wait(pause())  # type: ignore[arg-type]
                time.sleep(pause())
                stop.point()
                self.meeting.wait()
                self.updates[process] += 1
                time.sleep(pause())
        except Leaving:
            self.left[process] = True

    def finish(self) -> None:
        for thread in self.threads:
            thread.join(20)
        for stop in self.stops:
            stop.close()
        assert not self.meeting.broken and not any(thread.is_alive() for thread in self.threads)


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(interrupts, "POLL_SECONDS", 0.002)
    monkeypatch.setattr(interrupts, "_Waiting", Timed)


@pytest.mark.parametrize("seed", range(12))
def test_processes_at_different_points_leave_with_the_same_updates_done(quick, seed):
    chance, fleet = random.Random(seed), Fleet(3, steps=1000)
    time.sleep(chance.uniform(0.0, 0.1))
    for process in chance.choice(([0], [1], [2], [0, 1, 2])):
        fleet.stops[process].received = True
    fleet.finish()
    assert fleet.left == [True] * 3 and len(set(fleet.updates)) == 1


def test_processes_past_their_last_point_finish(quick):
    fleet = Fleet(2, steps=3)
    for thread in fleet.threads:
        thread.join(10)
    fleet.stops[1].received = True
    time.sleep(0.1)
    fleet.finish()
    assert fleet.left == [False] * 2 and fleet.updates == [3] * 2


def test_a_process_that_never_answers_is_not_waited_for_forever(monkeypatch):
    monkeypatch.setattr(interrupts, "POLL_SECONDS", 0.005)
    monkeypatch.setattr(interrupts, "ANSWER_SECONDS", 0.4)
    started, texts = time.monotonic(), {}
    stop = Stop(Notices(texts, 0, 2))
    stop.received = True
    while not stop._agreed.is_set():
        assert time.monotonic() < started + 10
        stop.point()  # nobody agreed, so nobody leaves
    assert time.monotonic() - started >= 0.4
    late = Stop(Notices(texts, 1, 2))  # it finds a notice and both points, and that it is too late
    assert late._agreed.wait(10) and late.received and "point/1" in texts
    for one in (stop, late):
        one.point()
        one.close()
