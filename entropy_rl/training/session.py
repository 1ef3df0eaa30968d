"""What a run has in hand between steps: learner, programs, folder. Opened new, or where the last process left it."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from absl import logging
from etils import epath

from entropy_rl import overrides
from entropy_rl.config import Config, FromRun, WarmStart
from entropy_rl.parallel.mesh import make_mesh
from entropy_rl.problem import Task
from entropy_rl.rollout.engine import Engine
from entropy_rl.rollout.sampling import Purpose
from entropy_rl.training import alarms, checkpoints, display, learner, metrics, provenance, streams, warm_start, writers
from entropy_rl.training.update import Rescore, Update, compiled_rescore, compiled_update
from entropy_rl.types import Array, Params, TrainState

CHECKPOINTS = "checkpoints"
CONFIG = "config.json"
SUMMARY = "summary.json"


@dataclasses.dataclass(frozen=True)
class Run:
    """A run's folder, to be read."""

    workdir: epath.Path

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """One dict per step."""
        return streams.read(self.workdir, "metrics")

    @property
    def samples(self) -> list[dict[str, Any]]:
        """Answers that were kept to be read."""
        return streams.read(self.workdir, "samples")

    @property
    def summary(self) -> dict[str, Any]:
        """Final figures and where they came from; {} while the run goes on."""
        path = self.workdir / SUMMARY
        return json.loads(path.read_text()) if path.exists() else {}


@dataclasses.dataclass
class Session:
    """The moving parts of a run. Only the loop changes them.

    Attributes:
      step: RL steps done.
      cursor: training problems drawn.
      base: test figures before the first step.
      seconds: wall time of the processes before this one.
    """

    config: Config
    workdir: epath.Path
    placement: learner.Placement
    engine: Engine
    update: Update
    rescore: Rescore
    state: TrainState
    checkpoints: checkpoints.Checkpoints
    writers: writers.Writers
    alarms: alarms.Alarms
    display: display.Display
    step: int = 0
    cursor: int = 0
    base: dict[str, float] = dataclasses.field(default_factory=dict)
    seconds: float = 0.0
    opened: float = dataclasses.field(default_factory=time.monotonic)

    @property
    def task(self) -> Task:
        return self.config.task

    def is_due(self, every: int) -> bool:
        """True on every `every`-th step and on the last; never if `every` is 0."""
        return bool(every) and (self.step % every == 0 or self.step == self.config.steps)

    def update_key(self, number: int) -> Array:
        """Of optimiser step `number` of this RL step; used once."""
        root = jax.random.fold_in(jax.random.key(self.config.seed), Purpose.UPDATE)
        return jax.random.fold_in(jax.random.fold_in(root, self.step), number)

    def record(self, measured: Mapping[str, Any]) -> None:
        """Writes one line of metrics, checks them, and raises if the run is broken."""
        metrics.check_names(measured)
        record = {"step": self.step, **measured}
        self.writers.write_metrics(record)
        last_good = self.checkpoints.latest_step()
        alarms.raise_if_not_finite(self.step, record, last_good)
        raised = self.alarms.check(self.step, record)
        self.display.show(self.step, record, raised)

    def save(self, measured: Mapping[str, Any] | None = None) -> None:
        """Starts an asynchronous checkpoint of everything that the rest of the run depends on."""
        if self.checkpoints.latest_step() == self.step:
            return
        self.writers.flush()
        data = {
            "cursor": self.cursor,
            "base": self.base,
            "alarms": self.alarms.state(),
            "seconds": self.seconds + time.monotonic() - self.opened,
        }
        self.checkpoints.save(self.step, self.state, data, {"config": overrides.flatten(self.config)}, measured)

    def summarise(self, test: Mapping[str, float], intervals: Mapping[str, tuple[float, float]]) -> Run:
        """Writes summary.json: final figures and their origin."""
        self.checkpoints.wait()
        strip = lambda figures: {name.split("/", 1)[1]: value for name, value in figures.items()}  # noqa: E731
        summary = {
            "name": self.config.name,
            "steps": self.step,
            "test": strip(test) | {f"{name}/interval": list(bounds) for name, bounds in intervals.items()},
            "base": strip(self.base),
            "alarms": self.alarms.history(),
            "seed": self.config.seed,
            "seconds": self.seconds + time.monotonic() - self.opened,
        }
        provenance.write_json(self.workdir / SUMMARY, summary | provenance.collect())
        return Run(self.workdir)


@contextlib.contextmanager
def open_session(config: Config, workdir: str, allow_changes: Iterable[str], bases: str | None) -> Iterator[Session]:
    """Validates, then starts a run in an empty workdir or goes on with the one it holds; see `loop.run`."""
    config = check(config, workdir, allow_changes)
    folder = epath.Path(workdir)
    claim(folder, config)
    with contextlib.ExitStack() as stack:
        store = checkpoints.Checkpoints(folder / CHECKPOINTS, keep=config.checkpoint.keep)
        stack.callback(store.close)
        screen = stack.enter_context(display.Display(config.name, config.steps))
        session = _build(config, folder, store, screen, epath.Path(bases) if bases else folder.parent / "bases")
        stack.callback(session.writers.close)
        yield session


def _build(
    config: Config, folder: epath.Path, store: checkpoints.Checkpoints, screen: display.Display, bases: epath.Path
) -> Session:
    mesh = make_mesh(config.mesh)
    with_reference = "reference_logprobs" in config.loss.requires
    placement = learner.place(mesh, config.policy, config.optimizer, with_reference)
    task = config.task
    engine = Engine(
        config.policy, task.tokenizer, mesh, config.rollout.responses, task.max_prompt_tokens,
        task.max_response_tokens, config.seed,
    )  # fmt: skip
    watch = alarms.Alarms(controlled=bool(config.loss.gates or config.loss.penalties))
    resumed: dict[str, Any] = {}
    if store.latest_step() is None:
        make = functools.partial(_first_params, config, placement, bases, screen)
        state, step = learner.initialise(placement, config.optimizer, make, with_reference), 0
    else:
        restored = store.restore(placement.state)
        state, step = restored.state, restored.step
        resumed = {name: restored.data[name] for name in ("cursor", "base", "seconds")}
        watch.restore(restored.data["alarms"])
        logging.info("resuming %s after step %d", folder, step)
    return Session(
        config, folder, placement, engine,
        compiled_update(config.policy, config.update.micro_batches, placement.state_shardings),
        compiled_rescore(config.policy, config.update.mini_batches * config.update.micro_batches),
        state, store, writers.Writers(folder, resume_step=step if resumed else -1), watch, screen, step=step, **resumed,
    )  # fmt: skip


def _first_params(config: Config, placement: learner.Placement, bases: epath.Path, screen: display.Display) -> Params:
    if isinstance(config.init, WarmStart):
        return warm_start.base_params(config, bases, placement.params, screen.show_warm_start)
    if isinstance(config.init, FromRun):
        params, step = checkpoints.restore_params(
            epath.Path(config.init.path) / CHECKPOINTS, placement.params, config.init.step
        )
        logging.info("starting from step %d of %s", step, config.init.path)
        return params
    return jax.jit(config.policy.init)(jax.random.key(config.init.seed))


def check(config: Config, workdir: str, allow_changes: Iterable[str]) -> Config:
    """The resolved config, if it can run here and may go on in that workdir; writes and compiles nothing.

    Raises:
      ValueError: for an impossible config, or one that would make another run of the workdir's: it lists every changed field
        with its old and new value. More steps are always allowed.
    """
    config = config.resolved()
    config.validate(jax.device_count())
    path, flat, allowed = epath.Path(workdir) / CONFIG, overrides.flatten(config), frozenset(allow_changes)
    if "all" in allowed or not path.exists():
        return config
    stored = json.loads(path.read_text())["flat"]
    changed = [field for field in overrides.diff(stored, flat) if field not in allowed]
    if "steps" in changed and config.steps >= stored["steps"]:
        changed.remove("steps")
    if changed:
        rows = "; ".join(f"{field}: {stored.get(field)!r} -> {flat.get(field)!r}" for field in changed)
        raise ValueError(
            f"{workdir} holds a run with another config ({rows}). Use another workdir, or pass "
            f"--allow_change={','.join(changed)} to go on with the new values"
        )
    return config


def claim(folder: epath.Path, config: Config) -> None:
    """Writes config.json into the workdir."""
    folder.mkdir(parents=True, exist_ok=True)
    content = {"name": config.name, "config": overrides.to_json(config), "flat": overrides.flatten(config)}
    provenance.write_json(folder / CONFIG, content)
