"""What tests of interrupted runs share: a run in a process of its own, and all that must come out the same."""

from __future__ import annotations

import json
import pathlib
import re
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from etils import epath

from entropy_rl import training
from entropy_rl.closed_loop import loop
from entropy_rl.config import Config
from entropy_rl.parallel.mesh import make_mesh
from entropy_rl.training import learner
from entropy_rl.training.checkpoints import Checkpoints
from entropy_rl.training.workdirs import CHECKPOINTS, checkpointed_steps

CONFIG_FILE = pathlib.Path(__file__).with_name("tiny_run.py")
REPOSITORY = CONFIG_FILE.parent.parent.parent
MEASURED_IN_SECONDS = ("time/", "speed/")


def start(workdir: pathlib.Path, bases: pathlib.Path, *flags: str) -> subprocess.Popen[str]:
    """The command of the tiny run, in a process of its own; its log is workdir.log, one for all of its lives."""
    command = [sys.executable, "-m", "entropy_rl.train", f"--config={CONFIG_FILE}", f"--workdir={workdir}"]
    command += [f"--bases={bases}", *flags]
    with workdir.with_suffix(".log").open("a") as log:
        return subprocess.Popen(command, cwd=REPOSITORY, stdout=log, stderr=log, text=True)


def wait_until(condition: Callable[[], bool], process: subprocess.Popen[str], seconds: float = 120.0) -> None:
    """Returns as soon as the condition holds, or the process has ended."""
    limit = time.monotonic() + seconds
    while not condition() and process.poll() is None:
        assert time.monotonic() < limit, "the run did not get there"
        time.sleep(0.001)


def last_step(workdir: pathlib.Path) -> int:
    """The last step whose record is whole; -1 if there is none."""
    path = workdir / "metrics.jsonl"
    lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    return json.loads(lines[-1])["step"] if lines else -1


def finished_checkpoints(workdir: pathlib.Path) -> list[int]:
    return checkpointed_steps(epath.Path(workdir))


def is_saving(workdir: pathlib.Path) -> bool:
    """A checkpoint is being written, or was when the process died."""
    folder = workdir / CHECKPOINTS
    return folder.exists() and any("tmp" in path.name for path in folder.iterdir())


def resumed_steps(workdir: pathlib.Path) -> list[int]:
    """From which step each life but the first went on, as the log says."""
    return [int(step) for step in re.findall(r"after step (\d+)$", workdir.with_suffix(".log").read_text(), re.M)]


def outcome(workdir: pathlib.Path) -> dict[str, Any]:
    """Everything of a finished run that does not measure seconds."""
    run = training.Run(epath.Path(workdir))
    timeless = lambda record: {k: v for k, v in record.items() if not k.startswith(MEASURED_IN_SECONDS)}  # noqa: E731
    return {
        "metrics": [timeless(record) for record in run.metrics],
        "samples": run.samples,
        "summary": {name: run.summary[name] for name in ("test", "validation", "base", "steps", "alarms", "warnings")},
    }


def final_state(workdir: pathlib.Path, config: Config) -> dict[str, np.ndarray]:
    """Every array of the newest checkpoint by its path."""
    config = config.resolved()
    with_reference, with_critic = config.reference is not None, config.with_critic
    mesh = make_mesh(config.mesh)
    controllers = loop.start(config.closed_loop)
    placement = learner.place(mesh, config.policy, config.optimizer, with_reference, with_critic, controllers)
    reader = Checkpoints(workdir / CHECKPOINTS, read_only=True)
    try:
        state = reader.restore(placement.state).state
    finally:
        reader.close()
    return {jax.tree_util.keystr(path): np.asarray(x) for path, x in jax.tree_util.tree_flatten_with_path(state)[0]}


def assert_same_run(one: pathlib.Path, other: pathlib.Path, config: Config) -> None:
    """Records, samples, summary and every array of the learner's state: bit for bit."""
    first, second = outcome(one), outcome(other)
    for name in first:
        assert first[name] == second[name], name
    mine, theirs = final_state(one, config), final_state(other, config)
    assert mine.keys() == theirs.keys()
    different = [name for name in mine if mine[name].tobytes() != theirs[name].tobytes()]
    assert not different
