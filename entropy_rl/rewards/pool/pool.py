"""Answers in, one verdict each out, in order, whatever happens on the way."""

from __future__ import annotations

import base64
import collections
import dataclasses
import itertools
import threading
import weakref
from collections.abc import Sequence
from typing import Any

from absl import logging

from entropy_rl.problem import Problem, Verdict
from entropy_rl.rewards.pool import messages, travel
from entropy_rl.rewards.pool.messages import Call
from entropy_rl.rewards.pool.process import WorkerGone, WorkerProcess
from entropy_rl.rewards.pool.workers import DIED, TIMED_OUT, Workers
from entropy_rl.rewards.reward import FAILED, Completion, GroupReward

_CHUNK = 32  # calls in one message
_CHUNK_CHARACTERS = 1 << 18
_LOADING = 60.0  # seconds in which a worker may start and import what a reward needs


class Batch:
    """Calls of one reward on their way; `Pool.result` collects them."""

    def __init__(self, code: _Code, calls: Sequence[Call]) -> None:
        self.code, self.calls = code, calls
        self.replies: list[list[Verdict] | None] = [None] * len(calls)
        self.errors: list[tuple[int, str]] = []  # call, traceback
        self.cancelled, self.done = False, threading.Event()
        self.begun = threading.Event()  # a worker is up and has the reward, or never will: from here on the limit runs
        self._left, self._lock = len(calls), threading.Lock()
        if not calls:
            self._finish()

    def settle(self, index: int, verdicts: list[Verdict]) -> None:
        """Records the verdicts of a call, once."""
        with self._lock:
            if self.replies[index] is None:
                self.replies[index] = verdicts
                self._left -= 1
        if self._left == 0:
            self._finish()

    def _finish(self) -> None:
        self.begun.set()
        self.done.set()

    def undecided(self, index: int, component: str, reason: str) -> None:
        """Settles a call that no reward has judged."""
        verdict = Verdict(0.0, {component: 1.0}, reason[:400], undecided=True)
        self.settle(index, [verdict] * len(self.calls[index].completions))

    def wanted(self) -> bool:
        """Whether somebody still waits for it."""
        return not self.cancelled


@dataclasses.dataclass(frozen=True, eq=False)
class _Code:
    """A reward as workers receive it."""

    name: str
    pickled: str
    reward: Any  # kept alive, so that its id is nobody else's
    reads_tokens: bool


class Pool:
    """Worker processes that judge answers under limits of CPU time and memory.

    An answer that exceeds a limit, or a worker that dies with it, is one undecided verdict with the component
    `timed_out` or `worker_died`; a reward that raises is one with `failed`. Threads of the trainer only wait for
    pipes, so scoring overlaps whatever else it does. Use in a with statement, or close it.

    Args:
      workers, seconds, memory_bytes, batch_seconds: see Workers.
    """

    def __init__(
        self,
        workers: int = 2,
        seconds: float = 5.0,
        memory_bytes: int = 2 << 30,
        batch_seconds: float | None = None,
    ) -> None:
        self.limits = Workers(workers, seconds, memory_bytes, batch_seconds)
        self.limits.validate()
        self._codes: dict[int, _Code] = {}
        self._names = itertools.count()
        self._shared = _Shared(self.limits)
        self._threads = [
            threading.Thread(target=self._shared.serve, name=f"rewards-{index}", daemon=True)
            for index in range(workers)
        ]
        for thread in self._threads:
            thread.start()
        self._finalizer = weakref.finalize(self, self._shared.close)

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the workers; what was submitted and not scored stays undecided."""
        self._finalizer()
        for thread in self._threads:
            thread.join(5.0)

    @property
    def worker_pids(self) -> list[int]:
        """Process ids of the workers that run now."""
        return self._shared.pids()

    def score(
        self,
        reward: Any,
        problems: Sequence[Problem],
        completions: Sequence[Completion],
        anchors: Sequence[Completion] = (),
    ) -> list[Verdict]:
        """`result` of `submit`."""
        return self.result(self.submit(reward, problems, completions, anchors))

    def submit(
        self,
        reward: Any,
        problems: Sequence[Problem],
        completions: Sequence[Completion],
        anchors: Sequence[Completion] = (),
    ) -> Batch:
        """Starts to judge; returns at once.

        Args:
          reward: any reward. A function of a notebook travels as it is now, with the values it closes over.
          problems: one per completion, or, for a GroupReward, one per group.

        Raises:
          ValueError: if the numbers do not fit, or the reward or a problem's metadata cannot travel.
        """
        calls = calls_of(reward, problems, completions, anchors)
        batch = Batch(self._code(reward), calls)
        quick = getattr(reward, "quick", None)
        waiting = []
        for index, call in enumerate(calls):
            verdict = None if quick is None or call.is_group else quick(call.problem, call.completions[0])
            if verdict is None:
                waiting.append(index)
            else:
                batch.settle(index, [verdict])
        self._shared.put(batch, waiting)
        return batch

    def result(self, batch: Batch) -> list[Verdict]:
        """The verdicts of a batch, one per completion, in order; waits no longer than the batch's limit.

        The time in which the first worker starts and imports what the reward needs is not counted.
        """
        batch.begun.wait(_LOADING)
        limit = self.limits.limit(len(batch.calls))
        if not batch.done.wait(limit):
            batch.cancelled = True
            for index, reply in enumerate(batch.replies):
                if reply is None:
                    batch.undecided(index, TIMED_OUT, f"not scored within the {limit:.3g} s of its batch")
        if batch.errors:
            index, shown = batch.errors[0]
            message = "%d of %d rewards failed in workers and count as undecided; the first, for problem %s:\n%s"
            logging.warning(message, len(batch.errors), len(batch.calls), batch.calls[index].problem.id, shown)
        return [verdict for reply in batch.replies for verdict in reply or []]

    def _code(self, reward: Any) -> _Code:
        known = self._codes.get(id(reward))
        if known is None:
            pickled = base64.b64encode(travel.pickled(reward)).decode("ascii")
            reads_tokens = getattr(reward, "reads_tokens", True)
            known = self._codes[id(reward)] = _Code(f"reward{next(self._names)}", pickled, reward, reads_tokens)
            while len(self._codes) > 8:
                del self._codes[next(iter(self._codes))]
        return known


def calls_of(
    reward: Any, problems: Sequence[Problem], completions: Sequence[Completion], anchors: Sequence[Completion] = ()
) -> list[Call]:
    """One call per completion, or per group."""
    if not isinstance(reward, GroupReward):
        if len(problems) != len(completions):
            raise ValueError(
                f"{len(problems)} problems for {len(completions)} completions; repeat each problem once per response"
            )
        return [Call(problem, [each]) for problem, each in zip(problems, completions, strict=True)]
    if not problems or len(completions) % len(problems) or len(anchors) % len(problems):
        raise ValueError(
            f"{len(completions)} completions and {len(anchors)} anchors do not split into {len(problems)} groups; "
            "give every response of each problem"
        )
    size, beside = len(completions) // len(problems), len(anchors) // len(problems)
    return [
        Call(each, completions[at * size : (at + 1) * size], anchors[at * beside : (at + 1) * beside], is_group=True)
        for at, each in enumerate(problems)
    ]


class _Shared:
    """What the threads share: it knows no Pool, so that a forgotten pool is collected and its workers end."""

    def __init__(self, limits: Workers) -> None:
        self._limits, self._closed = limits, False
        self._queue: collections.deque[tuple[Batch, list[int]]] = collections.deque()
        self._ready = threading.Condition()
        self._running: dict[int, WorkerProcess] = {}  # by thread

    def put(self, batch: Batch, indices: Sequence[int]) -> None:
        """Queues calls in chunks small enough that every worker has some."""
        size = max(1, min(_CHUNK, -(-len(indices) // (4 * self._limits.count))))
        chunks: list[list[int]] = [[]]
        characters = 0
        for index in indices:
            length = batch.calls[index].characters
            if chunks[-1] and (len(chunks[-1]) == size or characters + length > _CHUNK_CHARACTERS):
                chunks.append([])
                characters = 0
            chunks[-1].append(index)
            characters += length
        with self._ready:
            self._queue.extend((batch, chunk) for chunk in chunks if chunk)
            self._ready.notify_all()

    def close(self) -> None:
        """Ends threads and workers."""
        with self._ready:
            self._closed = True
            self._queue.clear()
            self._ready.notify_all()

    def pids(self) -> list[int]:
        """Of the workers that run."""
        return [worker.pid for worker in list(self._running.values()) if worker.alive]

    def serve(self) -> None:
        """A thread: owns one worker after another, and gives them chunks."""
        worker = self._start()
        try:
            while True:
                with self._ready:
                    while not self._queue and not self._closed:
                        self._ready.wait()
                    if self._closed:
                        return
                    batch, chunk = self._queue.popleft()
                if worker is None or not worker.alive:
                    self._stop(worker)
                    worker = self._start()
                if worker is None:
                    for index in chunk:
                        batch.undecided(index, DIED, "no worker could be started")
                elif not self._run(worker, batch, chunk):
                    self._stop(worker)
                    worker = self._start()
        finally:
            self._stop(worker)

    def _start(self) -> WorkerProcess | None:
        try:
            worker = WorkerProcess(self._limits.seconds, self._limits.memory_bytes)
        except OSError as error:
            logging.error("a reward worker could not be started: %s", error)
            return None
        self._running[threading.get_ident()] = worker
        return worker

    def _stop(self, worker: WorkerProcess | None) -> None:
        self._running.pop(threading.get_ident(), None)
        if worker is not None:
            worker.kill()

    def _run(self, worker: WorkerProcess, batch: Batch, chunk: list[int]) -> bool:
        """Gives a worker a chunk; False if it cannot be used any longer. What it did not reach is queued again."""
        wanted = lambda: batch.wanted() and not self._closed  # noqa: E731
        position = 0
        try:
            if not self._load(worker, batch, chunk, wanted):
                return True
            batch.begun.set()
            calls = [messages.call_to_json(batch.calls[index], batch.code.reads_tokens) for index in chunk]
            worker.send({"reward": batch.code.name, "calls": calls}, self._limits.seconds, wanted)
            for position, index in enumerate(chunk):
                reply = worker.receive(self._limits.seconds + 0.5, wanted)
                self._settle(batch, index, reply)
                if reply.get("memory"):
                    self.put(batch, chunk[position + 1 :])
                    return False
        except WorkerGone as gone:
            if wanted():
                batch.undecided(chunk[position], TIMED_OUT if gone.by_time else DIED, str(gone))
                self.put(batch, chunk[position + 1 :])
            return False
        except ValueError as error:  # a message that is no JSON
            for index in chunk:
                self._settle(batch, index, {"error": str(error)})
        return True

    def _load(self, worker: WorkerProcess, batch: Batch, chunk: list[int], wanted: Any) -> bool:
        if batch.code.name in worker.loaded:
            return True
        worker.send({"load": batch.code.name, "code": batch.code.pickled}, _LOADING, wanted)
        reply = worker.receive(_LOADING, wanted)
        if "loaded" in reply:
            worker.loaded.add(batch.code.name)
            return True
        for index in chunk:
            self._settle(batch, index, reply)
        return False

    def _settle(self, batch: Batch, index: int, reply: dict[str, Any]) -> None:
        call = batch.calls[index]
        try:
            verdicts = [messages.verdict_from_json(each) for each in reply["verdicts"]]
        except (KeyError, TypeError):
            verdicts = []
        if len(verdicts) == len(call.completions):
            batch.settle(index, verdicts)
            return
        error = str(reply.get("error", "the worker gave no verdict"))
        batch.errors.append((index, str(reply.get("traceback", error))))
        batch.undecided(index, FAILED, f"the reward raised {error}")
