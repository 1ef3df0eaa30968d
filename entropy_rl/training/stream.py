"""The order of the training problems: a pure function of (seed, position), and of pass rates where a curriculum asks.

A position of the stream says which task of a mixture it belongs to, in which epoch of that task it lies, and which
problem it is: nothing has to be replayed. A curriculum looks at windows of positions; what it left to be asked of the
window that is open is the queue. Cursor, queue and pass rates are all that a checkpoint needs.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from absl import logging

from entropy_rl.config import HIGHEST_SEED
from entropy_rl.problem import Problem, Task
from entropy_rl.rollout.curriculum import Curriculum
from entropy_rl.rollout.sampling import Purpose
from entropy_rl.tasks import apportion
from entropy_rl.training.permutation import shuffled

_PATIENCE = 100_000  # positions in a row that give no problem


@dataclasses.dataclass(frozen=True)
class Drawn:
    """A training problem and its position in the stream, which is its identity: of its samples, and in metrics."""

    position: int
    problem: Problem


def stream_index(size: int | None, seed: int, position: int, part: int = 0) -> int:
    """Index of the training problem at a position of one task's stream: a pure function of its arguments.

    An endless split is read from a place of its own for each seed; a finite one is shuffled anew each epoch.
    """
    if size is None:
        return seed * HIGHEST_SEED + position
    epoch, place = divmod(position, size)
    return shuffled(size, place, seed, int(Purpose.TRAIN), part, epoch)


class Stream:
    """Hands out training problems. Every process holds the same one, and takes those whose rows it holds."""

    def __init__(
        self,
        task: Task,
        seed: int,
        curriculum: Curriculum | None = None,
        fits: Callable[[str], bool] | None = None,
    ):
        """Reads every problem of finite train splits once: those whose prompts are too long are left out, never cut.

        Args:
          task: a Mixture too.
          curriculum: None to ask all problems in the order of the stream.
          fits: whether a prompt is short enough; None if all are known to be.

        Raises:
          ValueError: if nothing is left to train on.
        """
        self._task, self._seed, self._curriculum, self._fits = task, seed, curriculum, fits
        parts: Sequence[tuple[Task, float]] = getattr(task, "train_parts", ((task, 1.0),))
        self._tasks = [part for part, _ in parts]
        self._edges = apportion.boundaries([weight for _, weight in parts])
        read = [_read(part, fits) for part in self._tasks]
        self._kept = [kept for kept, _ in read]
        self._content = " ".join(content for _, content in read)
        self._left_out = sum(
            (task.size("train") or 0) - len(kept)
            for task, kept in zip(self._tasks, self._kept, strict=True)
            if kept is not None
        )
        self._skipped = 0  # prompts of endless splits that were too long
        self.cursor = 0
        self._queue: list[int] = []
        self._rates: dict[str, float] = {}

    def problem_at(self, position: int) -> Problem:
        """The problem at a position: a pure function of it, of the seed and of the data."""
        part, place = (0, position) if len(self._tasks) == 1 else apportion.locate(position, self._edges, self._seed)
        kept, task = self._kept[part], self._tasks[part]
        index = stream_index(None if kept is None else len(kept), self._seed, place, part)
        problem = task.problem("train", index if kept is None else int(kept[index]))
        labelled = getattr(self._task, "labelled", None)
        return problem if labelled is None else labelled(part, problem)

    def take(self, count: int) -> list[Drawn]:
        """The next `count` problems; the cursor moves on."""
        taken: list[Drawn] = []
        while len(taken) < count:
            self._open_windows(count - len(taken))
            number = min(len(self._queue), count - len(taken))
            positions, self._queue = self._queue[:number], self._queue[number:]
            taken += [Drawn(position, self.problem_at(position)) for position in positions]
        return taken

    def _open_windows(self, needed: int) -> None:
        """Fills the queue, so that at least one problem can be taken."""
        start = self.cursor
        while not self._queue:
            if self.cursor - start > _PATIENCE:
                raise ValueError(
                    f"{_PATIENCE} positions of the training stream in a row give no problem: all prompts are too long, "
                    "or outside the curriculum's band; raise rollout.prompt_tokens, or widen the band"
                )
            width = self._curriculum.window if self._curriculum else needed
            window = [p for p in range(self.cursor, self.cursor + width) if self._is_short(p)]
            self.cursor += width
            self._queue = self._chosen(window)

    def _is_short(self, position: int) -> bool:
        if self._fits is None or all(kept is not None for kept in self._kept):  # those were looked through before
            return True
        problem = self.problem_at(position)
        if self._fits(problem.prompt):
            return True
        if not self._skipped:
            logging.warning("the prompt of %s is too long; such problems are left out and counted", problem.id)
        self._skipped += 1
        return False

    def _chosen(self, window: list[int]) -> list[int]:
        if self._curriculum is None:
            return window
        rates = [self._rates.get(self.problem_at(position).id) for position in window]
        lots = [shuffled(1 << 32, position, self._seed, "curriculum") / (1 << 32) for position in window]
        return [window[number] for number in self._curriculum.order(rates, lots)]

    def observe(self, problems: Iterable[Problem], accuracies: Iterable[float]) -> None:
        """Takes note of how often problems were just solved, if a curriculum wants to know; NaN was not measured.

        Every process must be told of the problems of all of them, in the same order.
        """
        if self._curriculum is None:
            return
        memory = self._curriculum.memory
        for problem, accuracy in zip(problems, accuracies, strict=True):
            if accuracy == accuracy:
                before = self._rates.get(problem.id, accuracy)
                self._rates[problem.id] = memory * before + (1.0 - memory) * float(accuracy)

    @property
    def left_out(self) -> int:
        """Problems that were left out because their prompts are too long."""
        return self._left_out + self._skipped

    def figures(self) -> dict[str, float]:
        """Metrics: where the run stands in its data."""
        measured = {"data/too_long": float(self.left_out)}
        if len(self._kept) == 1 and self._kept[0] is not None:
            measured["data/epoch"] = self.cursor / len(self._kept[0])
        if self._curriculum is not None:
            measured["data/pass_rate"] = float(np.mean(list(self._rates.values()))) if self._rates else 0.0
            measured["data/measured"] = float(len(self._rates))
        return measured

    def state(self) -> dict[str, Any]:
        """JSON values from which `restore` goes on."""
        return {
            "cursor": self.cursor,
            "queue": list(self._queue),
            "rates": dict(self._rates),
            "skipped": self._skipped,
            "content": self._content,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes on where another stream of the same task and seed stood.

        Raises:
          ValueError: if the training problems are not those that the other had.
        """
        if state["content"] != self._content:
            raise ValueError(
                f"the training problems changed since the checkpoint ({state['content']} then, {self._content} now: "
                "number and hash of the ids), so that the run cannot go on as it was; restore the data, or use another "
                "workdir"
            )
        self.cursor = state["cursor"]
        self._queue, self._rates = list(state.get("queue", ())), dict(state.get("rates", {}))
        self._skipped = state.get("skipped", 0)


def _read(task: Task, fits: Callable[[str], bool] | None) -> tuple[np.ndarray | None, str]:
    """Indices of a train split whose prompts fit, and their number with the hash of their ids; None of an endless one.

    Raises:
      ValueError: if none fits.
    """
    size, name = task.size("train"), type(task).__name__
    if size is None:
        return None, "endless"
    kept, digest, first = [], hashlib.sha256(), ""
    for index in range(size):
        problem = task.problem("train", index)
        if fits is None or fits(problem.prompt):
            kept.append(index)
            digest.update(problem.id.encode("utf-8", "surrogatepass") + b"\n")
        else:
            first = first or problem.id
    if not kept:
        raise ValueError(
            f"the train split of {name} has no problem to train on: {size} problems, {size - len(kept)} of them with "
            "prompts that are too long; raise rollout.prompt_tokens, or give it problems"
        )
    if first:
        message = "%s: %d of %d training prompts are too long and left out; the first is %s"
        logging.warning(message, name, size - len(kept), size, first)
    return np.asarray(kept, np.int64), f"{len(kept)} {digest.hexdigest()[:16]}"
