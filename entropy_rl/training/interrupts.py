"""SIGTERM and SIGINT become a request that a run follows at its next safe point, on all processes at the same one.

A safe point is a place where a step can be given up and made again: before and during the wait for sampled responses,
and between evaluation batches. None lies between the first and the last optimiser step of a rollout.

Several processes may stand at different points when one of them is asked. Each then tells a board that all can read
which point it will come to next, or waits at now; they go on to the largest of these and leave there. So nobody waits
for another who has left: whatever lies between two points is done by all of them or by none. If one of them does not
say where it is, nobody leaves.
"""

from __future__ import annotations

import contextlib
import itertools
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any, Protocol, TypeVar

import jax
from absl import logging
from jax.experimental import multihost_utils

from entropy_rl.parallel import exchange

EXIT_CODE = 143  # 128 + SIGTERM: what a shell reports of a terminated process; the run is saved and can be resumed
POLL_SECONDS = 0.2  # between two looks at the board
ANSWER_SECONDS = 20.0  # for the other processes to say where they are
ECHO_SECONDS = 1.0  # a launcher and its shell may both pass on what was one signal

_VOID = "void"  # the decision that nobody leaves
T = TypeVar("T")
_runs = itertools.count()  # a run's notices must not be taken for those of the next run in the same processes


class Interrupted(Exception):
    """The run was asked to stop, saved, and left; the same command resumes it."""


class Leaving(Exception):
    """Raised at a safe point when the run has been asked to stop: what was begun after the last step is given up."""


class Board(Protocol):
    """Text that every process can write and read, under names; it works while devices are busy."""

    process: int
    processes: int

    def write(self, name: str, text: str) -> None: ...
    def read(self, name: str) -> str | None: ...
    def settle(self, name: str, text: str) -> str: ...


class Stop:
    """A request to stop, and the points at which it is followed. True once the process was asked."""

    def __init__(self, board: Board | None = None) -> None:
        """Args:
        board: of several processes; None of a single one.
        """
        self.received = False
        self.opened = False  # before, there is nothing to save and no point to wait for
        self._board = board
        self._lock = threading.Lock()
        self._point, self._inside = 0, False
        self._told = False  # the board knows where we are: do not pass the next point before an answer
        self._last: int | None = None  # the point where everyone leaves
        self._agreed, self._closed = threading.Event(), threading.Event()
        if board is not None:
            threading.Thread(target=self._watch, args=(board,), daemon=True).start()

    def __bool__(self) -> bool:
        return self.received

    def point(self) -> None:
        """A safe point; raises Leaving if the run is to be left here."""
        self.wait(None)

    def wait(self, arrays: T) -> T:
        """Waits for arrays as `jax.block_until_ready` does, but not if the run is to be left; a safe point.

        Raises:
          Leaving: then; whatever computes the arrays goes on until it is done, and nobody reads it.
        """
        with self._lock:
            self._point, self._inside = self._point + 1, True
        self._ask_jax()
        waiting = _Waiting(arrays)
        while not self._leaves() and not waiting.over(POLL_SECONDS):
            pass
        with self._lock:
            asked = self._told
            self._inside = asked
        if asked and not self._leaves():
            self._agreed.wait()
        if self._leaves():
            raise Leaving
        self._inside = False
        waiting.raise_errors()
        return arrays

    def close(self) -> None:
        """Ends the look at the board."""
        self._closed.set()

    def _leaves(self) -> bool:
        if self._board is None:
            return self.received
        return self._last is not None and self._point >= self._last

    def _ask_jax(self) -> None:
        """A notice that reached JAX's own service, which holds SIGTERM until a run begins, is as good as a signal."""
        if self._board is not None and not self.received and jax.process_count() > 1:
            with contextlib.suppress(RuntimeError):  # the service can be switched off
                self.received = multihost_utils.reached_preemption_sync_point(self._point)

    def _watch(self, board: Board) -> None:
        """Waits for a notice of any process, says where this one is, and finds out where all are."""
        while not self._closed.wait(POLL_SECONDS):
            try:
                if self.received:
                    board.write("notice", str(board.process))
                elif board.read("notice") is None:
                    continue
                else:
                    logging.info("process %s was asked to stop: so are all", board.read("notice"))
                self._agree(board)
            except Exception as error:  # whoever keeps the board is gone: the run will notice by itself
                logging.warning("the processes cannot agree on where to stop: %s", error)
            self._agreed.set()
            return

    def _agree(self, board: Board) -> None:
        with self._lock:
            self.received = self._told = True
            board.write(f"point/{board.process}", str(self._point if self._inside else self._point + 1))
        found: dict[int, int] = {}
        deadline = time.monotonic() + ANSWER_SECONDS
        while len(found) < board.processes and time.monotonic() < deadline:
            for process in set(range(board.processes)) - found.keys():
                text = board.read(f"point/{process}")
                if text is not None:
                    found[process] = int(text)
            self._closed.wait(POLL_SECONDS / 4)
        missing = sorted(set(range(board.processes)) - found.keys())
        # The first decision counts: one who answers late must not leave those who have given it up.
        decision = board.settle("decision", _VOID if missing else str(max(found.values())))
        if decision == _VOID:
            who = f"the processes {missing}" if missing else "some of them"
            raise TimeoutError(f"no answer from {who} within {ANSWER_SECONDS:.0f} s; another signal ends this process")
        self._last = int(decision)


class _Waiting:
    """A wait that the main thread can leave: Python runs no signal handler while JAX blocks that thread."""

    def __init__(self, arrays: Any) -> None:
        self._done, self._error = threading.Event(), None
        leaves: list[Any] = [leaf for leaf in jax.tree.leaves(arrays) if isinstance(leaf, jax.Array)]
        pending = [leaf for leaf in leaves if not leaf.is_ready()]
        if pending:
            threading.Thread(target=self._block, args=(pending,), daemon=True).start()
        else:
            self._done.set()

    def _block(self, arrays: Any) -> None:
        try:
            jax.block_until_ready(arrays)
        except Exception as error:  # it belongs to the thread that waits
            self._error = error
        self._done.set()

    def over(self, seconds: float) -> bool:
        return self._done.wait(seconds)

    def raise_errors(self) -> None:
        if self._error is not None:
            raise self._error


class JaxBoard:
    """The key-value store of JAX's coordination service, which all processes of a run share."""

    def __init__(self) -> None:
        self._client = exchange.store()
        self._prefix = f"entropy_rl/stop/{next(_runs)}"
        self.process, self.processes = jax.process_index(), jax.process_count()

    def write(self, name: str, text: str) -> None:
        self._client.key_value_set(f"{self._prefix}/{name}", text, allow_overwrite=True)

    def read(self, name: str) -> str | None:
        """None if nothing has been written there."""
        try:
            return self._client.key_value_try_get(f"{self._prefix}/{name}")
        except jax.errors.JaxRuntimeError as error:
            if "NOT_FOUND" not in str(error):
                raise
            return None

    def settle(self, name: str, text: str) -> str:
        """Writes what nobody has written before, and gives what is written there."""
        try:
            self._client.key_value_set(f"{self._prefix}/{name}", text, allow_overwrite=False)
            return text
        except jax.errors.JaxRuntimeError:
            found = self.read(name)
            if found is None:
                raise
            return found


@contextlib.contextmanager
def stop_requests() -> Iterator[Stop]:
    """Catches the signals while the block runs; none outside the main thread, where Python allows no handlers.

    Enter it after `jax.distributed.initialize`, whose own handler of SIGTERM it replaces.

    Raises:
      KeyboardInterrupt: at once, if there is nothing to save yet, or at the second signal.
    """
    stop = Stop(JaxBoard() if jax.process_count() > 1 else None)
    if threading.current_thread() is not threading.main_thread():
        with contextlib.closing(stop):
            yield stop
        return

    first: list[float] = []

    def handle(number: int, _: object) -> None:
        now, stop.received = time.monotonic(), True
        if not stop.opened or (first and now - first[0] > ECHO_SECONDS):  # a second signal does not wait for the save
            raise KeyboardInterrupt
        if not first:
            first.append(now)
            logging.info("signal %s: saving; once more to leave at once", signal.Signals(number).name)

    previous = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with contextlib.closing(stop):
            yield stop
    finally:
        for number, handler in previous.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
