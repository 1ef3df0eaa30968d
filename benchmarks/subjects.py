"""What a comparison takes its turns with: this trainer in this process, and peers in processes of their own."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import subprocess
import tempfile
from typing import Any, Protocol

import jax

from benchmarks import clock, trainer, workload
from entropy_rl.losses.policy_loss import PolicyLoss
from entropy_rl.parallel import devices

REPOSITORY = pathlib.Path(__file__).resolve().parents[1]
SCRIPTS = "benchmarks.peers"
Laps = dict[str, Any]  # gen, score, update, steps: [wall s, process-CPU s]; toks, longest: tokens


class Subject(Protocol):
    """Something that does one step of the work when it is its turn."""

    @property
    def name(self) -> str: ...

    @property
    def versions(self) -> dict[str, str]: ...

    def step(self, number: int) -> Laps: ...

    def close(self) -> None: ...


@dataclasses.dataclass
class Ours:
    """This trainer."""

    trainer: trainer.Trainer
    loss: PolicyLoss
    micro_batches: int
    name: str = "entropy_rl"
    versions: dict[str, str] = dataclasses.field(default_factory=dict)

    def step(self, number: int) -> Laps:
        laps = self.trainer.step(number, self.loss, self.micro_batches)
        used = devices.memory_in_use(jax.devices()[0])
        peak = None if used is None else round(used[1] / 2**30, 3)
        return laps | {"peak_rss_GiB": round(clock.peak_memory(), 3), "peak_device_GiB": peak}

    def close(self) -> None:
        pass


class Absent(Exception):
    """A peer that cannot run here, and why."""


class Peer:
    """A process that steps when it is told to (see peers/protocol.py).

    Raises:
      Absent: if it does not start.
    """

    def __init__(self, name: str, interpreter: str, script: str, work: dict[str, Any]) -> None:
        self.name = name
        self._folder = tempfile.TemporaryDirectory()
        folder = pathlib.Path(self._folder.name)
        described = folder / "work.json"
        described.write_text(json.dumps(work | {"folder": self._folder.name}))
        self._errors = open(folder / "errors.txt", "w+")  # noqa: SIM115 - as long as the process
        try:
            self._process = subprocess.Popen(
                [interpreter, "-m", f"{SCRIPTS}.{script}", str(described)], cwd=REPOSITORY, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, env=environment(work["threads"]),
            )  # fmt: skip
        except OSError as error:
            self._clear()
            raise Absent(f"{interpreter} does not start: {error}") from None
        started = self._read()
        self.versions, self.import_laps = started["versions"], started["import"]

    def step(self, number: int) -> Laps:
        del number  # it has the prompts of all steps, in order
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return self._read()

    def close(self) -> None:
        """Ends the process; what it had printed is lost."""
        self._process.kill()
        self._process.communicate()
        self._clear()

    def _clear(self) -> None:
        self._errors.close()
        self._folder.cleanup()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if line:
            return json.loads(line)
        self._errors.seek(0)
        said = self._errors.read().strip().splitlines()[-3:]
        self.close()
        raise Absent(f"{self.name} ended: {' / '.join(said)}")


def environment(threads: int) -> dict[str, str]:
    """Of a peer: as many threads as this trainer has, and none of its caches or settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JAX_COMPILATION", "PYTHON"))}
    return kept | ({"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)} if threads else {})


def work(
    size: workload.Size, shape: workload.Shape, steps: int, threads: int, micro_batches: int = 1
) -> dict[str, Any]:
    """`peers.protocol.Work` of the same steps that `trainer.Trainer` does, but for its folder."""
    fields = ("layers", "width", "heads", "kv_heads", "head_width", "feed_forward", "vocab_size")
    problems = [workload.problems(size.prompts, shape.prompt_tokens, number) for number in range(steps)]
    return {
        "policy": {name: getattr(size.policy, name) for name in fields},
        "prompts": [[problem.prompt for problem in step] for step in problems],
        "group_size": workload.GROUP_SIZE,
        "prompt_tokens": shape.prompt_tokens,
        "new_tokens": shape.new_tokens,
        "ends": shape.ends,
        "characters": workload.CHARACTERS,
        "threads": threads,
        "micro_batches": micro_batches,
        "recompute": size.policy.remat != "none",
    }
