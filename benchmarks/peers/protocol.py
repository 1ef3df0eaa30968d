"""How a peer's process and the comparison talk: one JSON line a turn. Standard library only: any interpreter runs it.

The comparison starts `python -m benchmarks.peers.NAME WORK.json`, writes an empty line when it is this peer's turn and
reads one line of figures back. So peers alternate on one core, each in the virtual environment that it needs.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

Lap = tuple[float, float]  # wall and process-CPU seconds
BEGUN = time.perf_counter(), time.process_time()


@dataclasses.dataclass(frozen=True)
class Work:
    """What every engine does in a comparison, as benchmarks/workload.py defines it.

    Attributes:
      policy: layers, width, heads, kv_heads, head_width, feed_forward, vocab_size: Qwen2 with tied embeddings.
      prompts: texts of each step, all of `prompt_tokens` characters, one token each.
      group_size: responses to each prompt.
      prompt_tokens, new_tokens: Q and T.
      ends: the end-of-sequence token ends a response; otherwise it is never sampled.
      characters: the alphabet, ids from 3 on; 0 pads, 1 ends, 2 is unknown.
      threads: of the engine; 0: its own choice.
      micro_batches: pieces of the update, where the engine leaves the choice to its user.
      recompute: the backward pass recomputes each layer, likewise.
      folder: where the engine may write.
    """

    policy: dict[str, int]
    prompts: list[list[str]]
    group_size: int
    prompt_tokens: int
    new_tokens: int
    ends: bool
    characters: str
    threads: int
    micro_batches: int
    recompute: bool
    folder: str

    @property
    def steps(self) -> int:
        return len(self.prompts)

    @property
    def rows(self) -> int:
        return len(self.prompts[0]) * self.group_size


def read_work() -> Work:
    """The work named on the command line."""
    return Work(**json.loads(pathlib.Path(sys.argv[1]).read_text()))


def now() -> Lap:
    return time.perf_counter(), time.process_time()


def since(start: Lap) -> Lap:
    wall, cpu = now()
    return round(wall - start[0], 4), round(cpu - start[1], 4)


def digit_share(text: str) -> float:
    """The reward of benchmarks/workload.py."""
    return sum(map(str.isdigit, text)) / max(1, len(text))


class Turns:
    """Timings of a peer's steps, told when each ends.

    Standard output carries figures alone: whatever the engine prints goes to the error stream.
    """

    def __init__(self, versions: dict[str, str]) -> None:
        self._out = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)
        self._laps: dict[str, Any] = {}
        self._tell({"versions": versions, "import": since(BEGUN)})

    def begin(self) -> Lap:
        """Waits for this peer's turn. The end of the comparison ends the process."""
        if not sys.stdin.readline():
            os._exit(0)  # the engine's own loop would want to end its training first
        self._laps = {}
        return now()

    def timed(self, owner: Any, name: str, key: str, then: Callable[[Any], None] = lambda _: None) -> None:
        """Times each call of a method of the engine under `key`; `then` sees what it returned."""
        method = getattr(owner, name)

        def call(*arguments: Any, **keywords: Any) -> Any:
            start = now()
            result = method(*arguments, **keywords)
            self._laps[key] = since(start)
            then(result)
            return result

        setattr(owner, name, call)

    def note(self, **figures: Any) -> None:
        """Adds figures to this turn's line."""
        self._laps |= figures

    def end(self, start: Lap, after: Callable[[], dict[str, Any]] = dict) -> None:
        """Tells this step's timings: `update` is the step less generation, reward and advantages.

        Args:
          after: further figures that are no part of the step's time.
        """
        step, score = since(start), self._laps["score"]
        update = (round(step[0] - score[0], 4), round(step[1] - score[1], 4))
        peak = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 3)
        self._tell(self._laps | after() | {"update": update, "steps": step, "peak_rss_GiB": peak})

    def _tell(self, figures: dict[str, Any]) -> None:
        self._out.write(json.dumps(figures) + "\n")
        self._out.flush()
