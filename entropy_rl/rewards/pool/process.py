"""One worker process, seen from the trainer: started, written to, read from, killed."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from entropy_rl.rewards.pool import messages

_STEP = 0.05  # seconds between looks at whether the batch is still wanted
_LONGEST_REPLY = 64 << 20  # bytes; a worker that writes more is not well
_TIMED_OUT_BY = (signal.SIGPROF, signal.SIGXCPU)


class WorkerGone(Exception):
    """The process ended, or was ended. `by_time`: because it took too long."""

    def __init__(self, reason: str, by_time: bool = False) -> None:
        super().__init__(reason)
        self.by_time = by_time


class WorkerProcess:
    """A worker; belongs to the thread that made it, whose end ends it (Linux sends the signal by thread)."""

    def __init__(self, seconds: float, memory_bytes: int) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "JAX_PLATFORMS": "cpu"}
        environment.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1")
        command = [sys.executable, "-m", f"{__package__}.worker", str(seconds), str(memory_bytes), str(os.getpid())]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, start_new_session=True
        )
        assert self._process.stdin is not None and self._process.stdout is not None
        self._in, self._out = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._in, False)
        os.set_blocking(self._out, False)
        self._buffer = bytearray()
        self.loaded: set[str] = set()

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def send(self, message: Any, seconds: float, wanted: Callable[[], bool]) -> None:
        """Writes a message.

        Raises:
          ValueError: if it is no JSON.
          WorkerGone: if the worker died, did not read in time, or is no longer wanted.
        """
        left, deadline = memoryview(messages.line(message)), time.monotonic() + seconds
        while left:
            self._wait(self._in, deadline, wanted, writing=True)
            try:
                left = left[os.write(self._in, left[: 1 << 16]) :]
            except BlockingIOError:
                continue
            except OSError as error:
                raise self._gone() from error

    def receive(self, seconds: float, wanted: Callable[[], bool]) -> dict[str, Any]:
        """The next reply.

        Raises:
          WorkerGone: if the worker died, did not answer in time, or is no longer wanted.
        """
        deadline = time.monotonic() + seconds
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > _LONGEST_REPLY:
                raise WorkerGone(f"the worker wrote more than {_LONGEST_REPLY} bytes")
            self._wait(self._out, deadline, wanted)
            try:
                received = os.read(self._out, 1 << 16)
            except BlockingIOError:
                continue
            if not received:
                raise self._gone()
            self._buffer += received
        reply = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return messages.reply(reply)

    def _wait(self, pipe: int, deadline: float, wanted: Callable[[], bool], writing: bool = False) -> None:
        """Until the pipe is ready."""
        while True:
            pipes = ([], [pipe], []) if writing else ([pipe], [], [])
            ready = select.select(*pipes, _STEP)
            if ready[0] or ready[1]:
                return
            if not wanted():
                raise WorkerGone("no longer waited for", by_time=True)
            if time.monotonic() > deadline:
                raise WorkerGone("it took longer than its limit", by_time=True)

    def _gone(self) -> WorkerGone:
        try:
            code = self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            return WorkerGone("the worker closed its pipe")
        if code >= 0:
            return WorkerGone(f"the worker ended with exit code {code}")
        name = signal.Signals(-code).name if -code in list(signal.Signals) else str(-code)
        if -code in _TIMED_OUT_BY:
            return WorkerGone("it used more CPU time than its limit", by_time=True)
        return WorkerGone(f"the worker was ended by {name}")

    def kill(self) -> None:
        """Ends it and all that it started, at once, and leaves nothing behind."""
        if self.alive:
            for kill, target in ((os.killpg, self._process.pid), (os.kill, self._process.pid)):
                try:
                    kill(target, signal.SIGKILL)
                except (ProcessLookupError, PermissionError):
                    continue  # it had gone already, or has not made its group yet
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue  # what was still to be written to it is nobody's loss
