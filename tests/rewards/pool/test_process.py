import base64
import os
import signal

import cloudpickle
import pytest

from entropy_rl.rewards.pool.process import WorkerGone, WorkerProcess

MEMORY = 1 << 30


@pytest.fixture
def worker():
    process = WorkerProcess(0.3, MEMORY)
    yield process
    process.kill()


def sent(worker, function):
    code = base64.b64encode(cloudpickle.dumps(function)).decode()
    worker.send({"load": "r", "code": code}, 30.0, lambda: True)
    assert worker.receive(30.0, lambda: True) == {"loaded": "r"}
    call = [["p", "q", "a", {}], [["text", 1, True]], [], False]
    worker.send({"reward": "r", "calls": [call]}, 30.0, lambda: True)


def test_cpu_time_ends_a_worker_whatever_its_code_catches(worker):
    def endless(problem, completion):
        while True:
            try:
                while True:
                    pass
            except BaseException:  # even what cannot be raised
                continue

    sent(worker, endless)
    with pytest.raises(WorkerGone, match="more CPU time than its limit") as gone:
        worker.receive(60.0, lambda: True)
    assert gone.value.by_time


def test_a_worker_that_is_killed_is_told_from_one_that_took_too_long(worker):
    sent(worker, lambda problem, completion: os.kill(os.getpid(), signal.SIGKILL))
    with pytest.raises(WorkerGone, match="ended by SIGKILL") as gone:
        worker.receive(60.0, lambda: True)
    assert not gone.value.by_time


def test_a_worker_nobody_waits_for_is_given_up(worker):
    sent(worker, lambda problem, completion: __import__("time").sleep(100))
    with pytest.raises(WorkerGone, match="no longer waited for"):
        worker.receive(60.0, lambda: False)


def test_a_worker_brings_no_jax_and_no_numpy(worker):
    def loaded(problem, completion):
        import sys

        return float(any(name in sys.modules for name in ("jax", "numpy", "flax")))

    sent(worker, loaded)
    assert worker.receive(60.0, lambda: True)["verdicts"][0][0] == 0.0


def test_killing_leaves_no_process(worker):
    pid = worker.pid
    worker.kill()
    assert not worker.alive
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
