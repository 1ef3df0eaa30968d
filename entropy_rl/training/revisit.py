"""Evaluates a checkpoint of a run again, or at more samples; the run's folder is only read."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from typing import Any

import jax
from etils import epath

from entropy_rl import overrides
from entropy_rl.config import Config
from entropy_rl.parallel.devices import concrete
from entropy_rl.parallel.mesh import make_mesh
from entropy_rl.phases import EvaluationConfig
from entropy_rl.problem import Problem
from entropy_rl.rewards.pool import Pool
from entropy_rl.rollout.engine import Engine
from entropy_rl.training import learner, snapshot, starting, workdirs
from entropy_rl.training.engines import make_engine
from entropy_rl.training.evaluation import PURPOSES, Evaluation, evaluate, held_out
from entropy_rl.training.judging import open_pool


def evaluate_run(
    run: str,
    split: str = "test",
    problems: int | None = None,
    samples: int | None = None,
    temperature: float | None = None,
    step: int | None = None,
) -> tuple[Evaluation, int]:
    """Samples and judges with the parameters of one checkpoint, and says of which step it is.

    What is None is as in the run itself, whose figures then come out again, bit for bit.

    Args:
      run: the workdir, local or gs://.
      split: "validation" or "test".
      problems: the first so many of the split.
      step: None for the newest whole checkpoint.

    Raises:
      ValueError: if there is no such run, split or number of problems.
      FileNotFoundError: if it holds no checkpoint, or none of `step`.
    """
    with opened(run, split, problems, samples, temperature, step) as found:
        settings = found.settings
        result = evaluate(
            found.engine, found.params, found.task, split, found.problems, settings.samples, settings.temperature,
            found.batch, pool=found.pool,
        )  # fmt: skip
    return result, found.step


@dataclasses.dataclass(frozen=True)
class Opened:
    """A checkpoint, ready to be asked.

    Attributes:
      settings: of the evaluation that is asked for.
      batch: problems per call.
    """

    engine: Engine
    params: Any
    task: Any
    problems: list[Problem]
    settings: EvaluationConfig
    batch: int
    pool: Pool | None
    step: int


@contextlib.contextmanager
def opened(
    run: str, split: str, problems: int | None, samples: int | None, temperature: float | None, step: int | None
) -> Iterator[Opened]:
    """Restores a checkpoint; see `evaluate_run`."""
    folder = epath.Path(run)
    config = run_config(folder)
    if split not in PURPOSES:
        raise ValueError(f"--split={split} is unknown; use one of {', '.join(PURPOSES)}")
    asked = _evaluation(config, split, problems, samples, temperature)
    asked.validate(jax.device_count())
    if not workdirs.checkpointed_steps(folder):
        raise ValueError(f"{folder} holds no checkpoint; let the run go on until it has saved one")
    mesh = make_mesh(config.mesh)
    config = dataclasses.replace(config, policy=concrete(config.policy, mesh.devices.flat[0]))
    with jax.set_mesh(mesh):
        placement = learner.place(mesh, config.policy, config.optimizer, with_reference=False)
        params, found = starting.restored(config, placement, folder, step, folder.parent / "bases", _silent)
        task, settings = asked.task, asked.evaluation
        engine = make_engine(config, mesh)
        count = settings.problems if split == "validation" else settings.test_problems
        with open_pool(config.workers, task, None) as pool:
            yield Opened(
                engine, learner.compiled_publish(placement)(params), task, held_out(task, split, count, engine.fits),
                settings, config.rollout.prompts, pool, found,
            )  # fmt: skip


def table(result: Evaluation, split: str, base: dict[str, Any]) -> str:
    """Figures with their 95 % intervals, and those of the run's base where it has them."""
    intervals = result.intervals()
    rows = [f"{'':<12}{split:>8}  {'95 % interval':<16}{'base':>7}"]
    for path, value in result.metrics(split).items():
        name = path.split("/", 1)[1]
        bounds = "{:.3f} .. {:.3f}".format(*intervals[name]) if name in intervals else ""
        before = f"{base[name]:.3f}" if isinstance(base.get(name), float) else ""
        rows.append(f"{name:<12}{value:>8.3f}  {bounds:<16}{before:>7}".rstrip())
    return "\n".join(rows)


def run_config(folder: epath.Path) -> Config:
    """The config that the run was last started with; the file that holds it must not have been edited since."""
    config = snapshot.load(folder)
    stored = workdirs.stored_config(folder)
    added = overrides.additions(stored, config)
    changed = [path for path in overrides.diff(stored, overrides.flatten(config)) if path not in added]
    if changed:
        raise ValueError(
            f"{folder / snapshot.FILE} and {workdirs.CONFIG} beside it differ in {', '.join(changed[:3])}; "
            "restore the file, or run the training command again, which writes both"
        )
    return config


def _evaluation(
    config: Config, split: str, problems: int | None, samples: int | None, temperature: float | None
) -> Config:
    field = "problems" if split == "validation" else "test_problems"
    asked = {field: problems, "samples": samples, "temperature": temperature}
    changes = {name: value for name, value in asked.items() if value is not None}
    return dataclasses.replace(config, evaluation=dataclasses.replace(config.evaluation, **changes))


def _silent(step: int, steps: int, loss: float) -> None:
    """Nobody watches a warm start that is made again; its own log lines remain."""
