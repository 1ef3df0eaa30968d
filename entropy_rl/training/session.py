"""What a run has in hand between steps: learner, programs, folder. Opened new, or where the last process left it."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from absl import logging
from etils import epath

from entropy_rl import overrides
from entropy_rl.closed_loop import loop as loops
from entropy_rl.config import Config
from entropy_rl.parallel import exchange
from entropy_rl.parallel.devices import concrete
from entropy_rl.parallel.mesh import make_mesh
from entropy_rl.problem import Task
from entropy_rl.rewards.pool import Pool
from entropy_rl.rollout.engine import Engine
from entropy_rl.rollout.sampling import Purpose
from entropy_rl.training import (
    advice,
    alarms,
    checkpoints,
    checksums,
    closed_loop,
    collect,
    display,
    forecasting,
    goodput,
    groups,
    interrupts,
    learner,
    ledger,
    memory,
    metrics,
    probe,
    profiling,
    provenance,
    references,
    sensitivity,
    starting,
    stream,
    streams,
    wandb,
    workdirs,
    writers,
)
from entropy_rl.training.engines import make_engine
from entropy_rl.training.judging import open_pool
from entropy_rl.training.update import (
    Rescore,
    Update,
    Values,
    compiled_proxy,
    compiled_rescore,
    compiled_update,
    compiled_values,
)
from entropy_rl.types import Array, Experience, Params, TrainState


@dataclasses.dataclass
class Session:
    """The moving parts of a run. Only the loop changes them.

    Attributes:
      step: RL steps done.
      stream: hands out training problems.
      carried: groups sampled in the last step that the next one trains on.
      base: test figures before the first step, with their intervals.
      validation: figures of the last validation.
      pending: what is known of the last step, if its validation and records are still to come.
      stop: asks the run to leave, at safe points.
      saved: the step of the newest checkpoint that is known to be whole.
      seconds: wall time of the processes before this one.
      goodput: which share of it counts.
      profiler: takes a trace of chosen steps.
    """

    config: Config
    workdir: epath.Path
    placement: learner.Placement
    engine: Engine
    publish: Callable[[Params], Params]
    update: Update
    rescore: Rescore
    proxy: Callable[[Params, Experience], Array]
    values: Values
    references: references.Keeper
    ledger: ledger.Keeper
    closed_loop: closed_loop.Keeper
    gauge: sensitivity.Gauge
    state: TrainState
    checkpoints: checkpoints.Checkpoints
    writers: writers.Writers
    alarms: alarms.Alarms
    display: display.Display
    stream: stream.Stream
    carried: list[groups.Group] = dataclasses.field(default_factory=list)
    step: int = 0
    base: dict[str, Any] = dataclasses.field(default_factory=dict)
    validation: dict[str, float] = dataclasses.field(default_factory=dict)
    pending: Mapping[str, Any] | None = None
    stop: interrupts.Stop = dataclasses.field(default_factory=interrupts.Stop)
    saved: int | None = None
    seconds: float = 0.0
    opened: float = dataclasses.field(default_factory=time.monotonic)
    goodput: goodput.Goodput = dataclasses.field(default_factory=lambda: goodput.Goodput(time.time()))
    profiler: profiling.Profiler = dataclasses.field(default_factory=profiling.Profiler)
    pool: Pool | None = None  # of workers that judge
    forecaster: forecasting.Forecaster = dataclasses.field(default_factory=lambda: forecasting.Forecaster(0))
    probe: probe.Probe | None = None  # of the first policy's answers
    prepared: tuple[TrainState, Array, Array | None] | None = None  # checks of a state, under way
    saving: float | None = None  # seconds that the last save blocked; part of the next step's record

    @property
    def task(self) -> Task:
        return self.config.task

    @property
    def params(self) -> Params:
        """All parameters of the present policy."""
        return learner.policy_params(self.state)

    @property
    def reference_params(self) -> Params:
        """All parameters of the reference policy."""
        return learner.reference_params(self.state)

    def is_due(self, every: int) -> bool:
        """True on every `every`-th step; never if `every` is 0.

        The last step is no exception: what a run records must not depend on where it ends, so that more steps
        go on with the stream that a longer run would have written.
        """
        return bool(every) and self.step % every == 0

    def update_key(self, number: int) -> Array:
        """Of optimiser step `number` of this RL step; used once."""
        root = jax.random.fold_in(jax.random.key(self.config.seed), Purpose.UPDATE)
        return jax.random.fold_in(jax.random.fold_in(root, self.step), number)

    def prepare(self) -> None:
        """Asks the devices now for what a save will ask of them: later they may be busy for minutes with a rollout."""
        kept = learner.saved(self.state)
        self.prepared = self.state, _all_finite(self.state.params), checksums.computed(kept)

    def mark(self) -> tuple[Any, ...]:
        """Where the run stands in its data, for `rewind`."""
        return self.step, self.carried, self.stream.state()

    def rewind(self, mark: tuple[Any, ...]) -> None:
        """Forgets what was drawn since: the step that was given up is made again, of the same samples."""
        self.step, self.carried, data = mark
        self.stream.restore(data)

    def record(self, measured: Mapping[str, Any]) -> None:
        """Writes one line of metrics, checks them, and raises if the run is broken."""
        metrics.check_names(measured)
        record = {"step": self.step, **measured}
        if self.saving is not None:
            record["time/checkpoint"], self.saving = self.saving, None
        self.writers.write_metrics(record)
        alarms.raise_if_not_finite(self.step, record, self.saved)
        raised = self.alarms.check(self.step, record)
        self.display.show(self.step, record, raised)

    def save(self, candidate: bool = True) -> None:
        """Starts an asynchronous checkpoint of everything that the rest of the run depends on.

        Args:
          candidate: for the best one, if it was validated; not what is saved only because the run stops here: which
            checkpoint is the best must not depend on where it stopped.

        Raises:
          NonFiniteError: if a parameter is not finite: such a checkpoint would push the good ones out.
        """
        validated = candidate and self.is_due(self.config.evaluation.every) and self.pending is None
        best = self.validation if validated else None
        if self.saved == self.step:
            if best is not None:  # it may have been saved when its validation was still to come
                self.checkpoints.measure(self.step, best)
            return
        started = time.perf_counter()
        if self.prepared is None or self.prepared[0] is not self.state:  # as it is after a move of the reference
            self.prepare()
        _, finite, sums = self.prepared or (None, True, None)
        self.prepared = None
        if not bool(finite):
            raise alarms.NonFiniteError(self.step, "a parameter", float("nan"), self.saved)
        if self.pending is not None:
            alarms.raise_if_not_finite(self.step, self.pending["measured"], self.saved)
        self.writers.flush()
        data = {
            **collect.saved(self.stream, self.carried, self.engine.mesh),
            "pending": None if self.pending is None else streams.plain(self.pending),
            "base": self.base,
            "validation": self.validation,
            "alarms": self.alarms.state(),
            "forecast": self.forecaster.state(),
            "reference": self.references.state(),
            "seconds": self.seconds + time.monotonic() - self.opened,
            "goodput": self.goodput.state(),
        }
        self.checkpoints.save(
            self.step, learner.saved(self.state), data, {"config": overrides.flatten(self.config)}, best, sums
        )
        self.saved, self.saving = self.step, time.perf_counter() - started

    def summarise(self, test: Mapping[str, Any]) -> workdirs.Run:
        """Writes summary.json: final figures and their origin."""
        self.checkpoints.wait()
        strip = lambda figures: {name.split("/", 1)[1]: value for name, value in figures.items()}  # noqa: E731
        summary = {
            "name": self.config.name,
            "steps": self.step,
            "test": strip(test),
            "validation": strip(self.validation),
            "base": strip(self.base),
            "alarms": self.alarms.history(),
            "warnings": advice.advice(self.config),
            "seed": self.config.seed,
            "seconds": self.seconds + time.monotonic() - self.opened,
            "goodput": self.goodput.share,
        }
        provenance.write_json(self.workdir / workdirs.SUMMARY, summary | provenance.collect())
        exchange.meet("the summary is written")  # by the first process; all of them may read it from here on
        return workdirs.Run(self.workdir)


@contextlib.contextmanager
def open_session(config: Config, folder: epath.Path, bases: str | None) -> Iterator[Session]:
    """Starts a run in an empty folder or goes on with the one it holds; the config was checked, see `loop.run`."""
    workdirs.claim(folder, config)
    for sentence in advice.advice(config):
        logging.warning("%s", sentence)
    with contextlib.ExitStack() as stack:
        mesh = make_mesh(config.mesh)
        config = dataclasses.replace(config, policy=concrete(config.policy, mesh.devices.flat[0]))
        stack.enter_context(jax.set_mesh(mesh))
        store = checkpoints.Checkpoints(folder / workdirs.CHECKPOINTS, keep=config.checkpoint.keep)
        stack.callback(store.close)
        screen = stack.enter_context(display.Display(config.name, config.steps))
        with_reference = config.reference is not None
        placement = learner.place(
            mesh, config.policy, config.optimizer, with_reference, config.with_critic, loops.start(config.closed_loop)
        )
        watch = memory.watch(config, placement, folder)
        bases_folder = epath.Path(bases) if bases else folder.parent / "bases"
        with watch.explained():
            session = _build(config, folder, placement, watch, store, screen, bases_folder)
            stack.callback(session.writers.close)
            session.pool = stack.enter_context(open_pool(config.workers, config.task, config.reward))
            yield session


def _build(
    config: Config,
    folder: epath.Path,
    placement: learner.Placement,
    watch: memory.Watch,
    store: checkpoints.Checkpoints,
    screen: display.Display,
    bases: epath.Path,
) -> Session:
    with_reference, engine = config.reference is not None, make_engine(config, placement.mesh)
    problems = collect.open_stream(config, engine)
    alarm = alarms.Alarms(controlled=bool(config.loss.gates or config.loss.penalties))
    resumed: dict[str, Any] = {}
    remembered: dict[str, Any] | None = None
    account: dict[str, Any] | None = None
    course: dict[str, Any] | None = None
    if store.latest_step() is None:
        make = functools.partial(starting.params, config, placement, bases, screen.show_warm_start)
        controllers = loops.start(config.closed_loop)
        state, step = learner.initialise(placement, config.optimizer, make, with_reference, controllers), 0
    else:
        restored = store.restore(learner.saved(placement.state))
        state, step = restored.state, restored.step
        if placement.state.frozen is not None:
            frozen = starting.base(config, placement, bases, screen.show_warm_start)
            state = dataclasses.replace(state, frozen=frozen)
        resumed = {name: restored.data[name] for name in ("base", "validation", "seconds")} | {"saved": step}
        resumed["pending"] = restored.data.get("pending")  # absent from older checkpoints
        resumed["carried"] = collect.restored(restored.data, problems, engine, config.rollout.prompts)
        alarm.restore(restored.data["alarms"])
        remembered = restored.data["reference"]
        account = restored.data.get("goodput")
        course = restored.data.get("forecast")
        logging.info("resuming %s after step %d", folder, step)
    pieces = config.update.mini_batches * config.update.micro_batches
    told = step - (resumed["pending"] is not None) if resumed else -1  # the step that was recorded last
    return Session(
        config, folder, placement, engine, watch.during(memory.ROLLOUT, learner.compiled_publish(placement)),
        watch.during(
            memory.UPDATE,
            compiled_update(
                config.policy, config.update.micro_batches, placement.state_shardings, config.update.buckets,
                config.ledger.every > 0,
            ),
        ),
        watch.during("rescoring", compiled_rescore(config.policy, pieces, config.update.buckets)),
        watch.during("rescoring", compiled_proxy(config.policy, pieces, config.update.buckets)),
        watch.during("rescoring", compiled_values(config.policy, pieces, config.update.buckets)),
        references.Keeper(config.reference, config.optimizer, placement.state_shardings, remembered),
        ledger.Keeper(config, placement, watch),
        closed_loop.Keeper(config.closed_loop, placement.state_shardings.controllers),
        sensitivity.Gauge(config, placement.mesh, watch),
        state, store, writers.Writers(folder, resume_step=told, tracker=_tracker(config, folder)),
        alarm, screen, problems, step=step,
        goodput=goodput.resumed(folder, account), probe=probe.of_run(config, engine, folder),
        forecaster=forecasting.Forecaster(config.steps, course), **resumed,
    )  # fmt: skip


def _tracker(config: Config, folder: epath.Path) -> wandb.Tracker | None:
    """What the first process tells Weights & Biases with, where a project is named."""
    if not config.wandb.project or jax.process_index() != 0:
        return None
    return wandb.Tracker(config.wandb, config.name, folder, overrides.flatten(config))


@jax.jit
def _all_finite(params: Params) -> Array:
    """[] bool."""
    return jnp.all(jnp.stack([jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(params)]))
