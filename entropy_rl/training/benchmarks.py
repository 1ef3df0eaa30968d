"""Evaluation by name: a model answers published benchmarks by a published protocol, before and after its training."""

from __future__ import annotations

import dataclasses
import difflib
import math
import pathlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from absl import logging

from entropy_rl.lab import metrics as lab_metrics
from entropy_rl.problem import Problem
from entropy_rl.rollout.engine import Engine
from entropy_rl.tasks import datasets, files
from entropy_rl.tasks.local import LocalProblems
from entropy_rl.training import subjects
from entropy_rl.training.engines import make_engine
from entropy_rl.training.evaluation import Evaluation, evaluate, held_out
from entropy_rl.training.judging import open_pool
from entropy_rl.training.protocols import Protocol
from entropy_rl.training.subjects import AFTER, BEFORE, Subject

SPLIT = "test"
_ROUNDED = 32  # prompt lengths are rounded up to it, so that programs are shared
_SECONDS_BETWEEN_LINES = 15.0


@dataclasses.dataclass(frozen=True)
class Benchmark:
    """Problems, and how they are answered.

    Attributes:
      name: for tables.
      task: whose test split is answered.
      protocol: temperature and samples.
      problems: of the test split.
    """

    name: str
    task: Any
    protocol: Protocol
    problems: Sequence[Problem]


@dataclasses.dataclass(frozen=True)
class Score:
    """What a subject did on a benchmark: results by "before" and "after"."""

    benchmark: Benchmark
    results: Mapping[str, Evaluation]

    def values(self, state: str) -> np.ndarray:
        """[M] share of right answers to each problem."""
        correct = self.results[state].correct
        return lab_metrics.avg_at_k(correct.sum(axis=1), correct.shape[1])

    @property
    def changes(self) -> np.ndarray | None:
        """[M] after less before; the same problems, so that most of their spread cancels."""
        return self.values(AFTER) - self.values(BEFORE) if BEFORE in self.results else None

    def figures(self) -> dict[str, Any]:
        """For a JSON file: every figure with its 95 % interval."""
        protocol = dataclasses.asdict(self.benchmark.protocol)
        found: dict[str, Any] = {"protocol": protocol, "problems": len(self.benchmark.problems)}
        for state, result in self.results.items():
            named = {path.split("/", 1)[1]: value for path, value in result.metrics(SPLIT).items()}
            intervals = {f"{name}/interval": list(bounds) for name, bounds in result.intervals().items()}
            found[state] = named | intervals | {"entropy at temperature 1": result.unit_entropy}
        if self.changes is not None:
            interval = lab_metrics.bootstrap_interval(self.changes)
            found |= {"change": float(self.changes.mean()), "change/interval": list(interval)}
        return found


def tasks_named(
    names: Sequence[str], data_dir: str = "", prompt: str = "question", answer: str = "answer"
) -> dict[str, Any]:
    """Published benchmarks by name, in the order given; and files with columns of these names.

    Raises:
      ValueError: for a name that is unknown or given twice.
    """
    found: dict[str, Any] = {}
    for name in names:
        if name in found:
            raise ValueError(f"--tasks names {name} twice; name it once")
        if name in datasets.BY_NAME:
            found[name] = datasets.BY_NAME[name](data_dir=data_dir)
        elif name.endswith(files.SUFFIXES):
            found[name] = LocalProblems(
                name, prompt, answer, validation_share=0.0, test=name, name=pathlib.Path(name).stem
            )
        else:
            near = difflib.get_close_matches(name, datasets.BY_NAME, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            known = f"{', '.join(datasets.BY_NAME)}, and files ({', '.join(files.SUFFIXES)})"
            raise ValueError(f"--tasks: {name!r} is unknown; {hint}There are {known}")
    return found


def benchmark(name: str, task: Any, protocol: Protocol, most: int | None = None) -> Benchmark:
    """The test split of a task, or its first `most` problems.

    Raises:
      ValueError: if the task has no test, or fewer problems.
    """
    if most is not None and most < 1:
        raise ValueError(f"--problems is {most}; it must be at least 1")
    task.validate()
    size = task.size(SPLIT)
    if not size:
        raise ValueError(f"{name} has no test split; it is there to train on: name another of --tasks")
    return Benchmark(name, task, protocol, held_out(task, SPLIT, size if most is None else min(most, size)))


def run(subject: Subject, benchmarks: Sequence[Benchmark]) -> list[Score]:
    """Every state of the subject answers every benchmark; random numbers are the same before and after.

    Raises:
      ValueError: if the subject cannot read a benchmark.
    """
    for asked in benchmarks:
        own, its = subject.config.tokenizer, asked.task.tokenizer
        if own is None and (its is None or its != subject.config.task.tokenizer):
            raise ValueError(
                f"{subject.config.name} was trained on {type(subject.config.task).__name__}'s own tokens and cannot "
                f"read {asked.name}; leave --tasks out, or name a model of words"
            )
    results: dict[str, dict[str, Evaluation]] = {asked.name: {} for asked in benchmarks}
    with jax.set_mesh(subject.mesh):
        engine = _engine(subject, benchmarks)
        for state, load in subject.states:
            params = load()
            for asked in benchmarks:
                progress = _Progress(f"{state}: {asked.name}", len(asked.problems))
                results[asked.name][state] = _answered(engine, params, asked, subject, progress)
            del params  # before those of the next state are read
    return [Score(asked, results[asked.name]) for asked in benchmarks]


def _engine(subject: Subject, benchmarks: Sequence[Benchmark]) -> Engine:
    """With room for the longest prompt: none is cut or left out."""
    engine = make_engine(subject.config, subject.mesh)
    longest = max(engine.prompt_length(problem.prompt) for asked in benchmarks for problem in asked.problems)
    if longest > engine.prompt_tokens:
        config = subjects.check_prompts(subject, -(-longest // _ROUNDED) * _ROUNDED)
        engine = make_engine(config, subject.mesh)
    return engine


def _answered(
    engine: Engine, params: Any, asked: Benchmark, subject: Subject, progress: Callable[[int], None]
) -> Evaluation:
    samples, rollout = asked.protocol.samples, subject.config.rollout
    rows = rollout.prompts * rollout.responses
    together = math.gcd(samples, rollout.responses)  # samples of a problem in one call
    share = subjects.devices_per_batch(subject.mesh)
    most = -(-len(asked.problems) // share) * share
    batch = min(max(rows // together // share, 1) * share, most)
    with open_pool(subject.config.workers, asked.task, None) as pool:
        return evaluate(
            dataclasses.replace(engine, group_size=together), params, asked.task, SPLIT, asked.problems, samples,
            asked.protocol.temperature, batch, progress, pool,
        )  # fmt: skip


class _Progress:
    """A line now and then: how far, how long still."""

    def __init__(self, label: str, problems: int) -> None:
        self._label, self._problems = label, problems
        self._started = self._shown = time.monotonic()

    def __call__(self, done: int) -> None:
        now = time.monotonic()
        if done < self._problems and now - self._shown < _SECONDS_BETWEEN_LINES:
            return
        self._shown, seconds = now, now - self._started
        left = f", {seconds / done * (self._problems - done):.0f} s left" if done < self._problems else ""
        logging.info("%s: %d of %d problems, %.0f s%s", self._label, done, self._problems, seconds, left)


def table(scores: Sequence[Score]) -> str:
    """Scores in percent with their 95 % intervals over problems, before and after where there is a before."""
    states = [state for state in (BEFORE, AFTER) if all(state in score.results for score in scores)]
    titles = [state if len(states) > 1 else "score" for state in states] + ["change"] * (len(states) > 1)
    head = f"{'%':<14}{'protocol':<15}{'problems':>8}" + "".join(f"{title:>8}  {'95 %':<14}" for title in titles)
    lines = [head.rstrip()]
    for score in scores:
        columns = [score.values(state) for state in states] + ([score.changes] if len(states) > 1 else [])
        asked = score.benchmark
        cells = "".join(_cell(values, "+" if place == 2 else "") for place, values in enumerate(columns))
        lines.append(
            f"{pathlib.Path(asked.name).stem:<14}{asked.protocol!s:<15}{len(asked.problems):>8}{cells}".rstrip()
        )
    if len(scores) > 1:
        means = [float(np.mean([score.values(state).mean() for score in scores])) for state in states]
        means += [means[1] - means[0]] if len(states) > 1 else []
        cells = "".join(f"{100 * mean:>{'+' if place == 2 else ''}8.1f}{'':16}" for place, mean in enumerate(means))
        lines.append(f"{'mean':<37}{cells}".rstrip())
    return "\n".join(lines)


def _cell(values: np.ndarray | None, sign: str) -> str:
    if values is None:
        return ""
    low, high = lab_metrics.bootstrap_interval(values)
    bounds = f"{100 * low:{sign}.1f} .. {100 * high:{sign}.1f}"
    return f"{100 * values.mean():>{sign}8.1f}  {bounds:<14}"
