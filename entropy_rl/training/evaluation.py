"""Held-out accuracy of a policy: unbiased pass@k, avg@k and maj@k over sampled responses."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from absl import logging

from entropy_rl.lab import metrics as lab_metrics
from entropy_rl.problem import Problem, Task
from entropy_rl.rewards.pool import Pool
from entropy_rl.rollout.engine import Engine, ahead
from entropy_rl.rollout.sampling import Purpose
from entropy_rl.training import processes
from entropy_rl.training.judging import is_correct, judge
from entropy_rl.training.processes import local_rows
from entropy_rl.types import Params, Rollout

PURPOSES = {"validation": Purpose.VALIDATION, "test": Purpose.TEST}


@dataclasses.dataclass(frozen=True)
class Evaluation:
    """What a policy answered to M problems, n times each.

    Attributes:
      correct: [M, n] bool.
      answers: [M][n], normalised final answers.
      entropy: nats/token, token mean at the evaluation temperature.
      length: tokens, mean over responses.
      unit_entropy: nats/token, token mean at temperature 1.
    """

    correct: np.ndarray
    answers: list[list[str]]
    entropy: float
    length: float
    unit_entropy: float = float("nan")

    def metrics(self, prefix: str) -> dict[str, float]:
        """Named figures: pass@k for k = 1, 2, 4, ... up to n, avg@n, maj@n, entropy and length."""
        samples = self.correct.shape[1]
        right = self.correct.sum(axis=1)
        figures = {f"pass@{k}": lab_metrics.pass_at_k(right, samples, k) for k in powers_of_two(samples)}
        figures[f"avg@{samples}"] = lab_metrics.avg_at_k(right, samples)
        figures[f"maj@{samples}"] = lab_metrics.maj_at_k(self.answers, self.correct.tolist(), samples)
        named = {f"{prefix}/{name}": float(values.mean()) for name, values in figures.items()}
        return named | {f"{prefix}/entropy": self.entropy, f"{prefix}/length": self.length}

    def intervals(self) -> dict[str, tuple[float, float]]:
        """95 % bootstrap intervals over problems of each pass@k."""
        samples = self.correct.shape[1]
        right = self.correct.sum(axis=1)
        of = lambda k: lab_metrics.bootstrap_interval(lab_metrics.pass_at_k(right, samples, k))  # noqa: E731
        return {f"pass@{k}": of(k) for k in powers_of_two(samples)}


def powers_of_two(limit: int) -> list[int]:
    """1, 2, 4, ... up to and with `limit` if it is one."""
    return [1 << exponent for exponent in range(limit.bit_length()) if 1 << exponent <= limit]


def held_out(task: Task, split: str, count: int, fits: Callable[[str], bool] = lambda prompt: True) -> list[Problem]:
    """The first `count` problems of a split, without those whose prompt is too long: they are counted and logged.

    Raises:
      ValueError: if none is left.
    """
    problems = [task.problem(split, index) for index in range(count)]
    kept = [problem for problem in problems if fits(problem.prompt)]
    if len(kept) < len(problems):
        first = next(problem.id for problem in problems if not fits(problem.prompt))
        text = f"{len(problems) - len(kept)} of {count} prompts of {split} are too long; the first is {first}"
        if not kept:
            raise ValueError(f"{text}. Raise rollout.prompt_tokens")
        logging.warning("%s. They are left out; raise rollout.prompt_tokens to ask them", text)
    return kept


def evaluate(
    engine: Engine,
    params: Params,
    task: Task,
    split: str,
    problems: Sequence[Problem],
    samples: int,
    temperature: float,
    batch: int,
    progress: Callable[[int], None] = lambda done: None,
    pool: Pool | None = None,
    wait: Callable[[Rollout], Rollout] = lambda sampled: sampled,
) -> Evaluation:
    """Samples and judges. Random numbers depend on problem and sample alone, so that evaluations of a run are paired.

    Args:
      engine: of the run; its compiled program serves here too.
      problems: M of `split`.
      samples: n for each.
      batch: problems per call, as in training.
      progress: called with the number of problems that are judged.
      pool: of workers that judge.
      wait: for what was sampled, before it is judged; it may raise, to leave.
    """
    calls = -(-samples // engine.group_size)
    jobs = [(start, call) for start in range(0, len(problems), batch) for call in range(calls)]
    sampled = ahead(functools.partial(_sampled, engine, params, split, problems, temperature, batch), jobs)
    correct, answers, entropies, unit_entropies, tokens = [], [], 0.0, 0.0, 0
    for start in range(0, len(problems), batch):
        chunk = list(problems[start : start + batch])
        filled = processes.own(engine.mesh, _filled(problems, start, batch))
        place = f"{split} problems from {start}"
        parts = [_judged(engine, task, filled, wait(next(sampled)), pool, place) for _ in range(calls)]
        kept = slice(0, len(chunk))
        correct.append(np.concatenate([part["correct"] for part in parts], axis=1)[kept, :samples])
        joined = [sum((part["answers"][row] for part in parts), [])[:samples] for row in range(len(chunk))]
        answers.extend(joined)
        entropies += sum(float(part["entropies"][kept].sum()) for part in parts)
        unit_entropies += sum(float(part["unit_entropies"][kept].sum()) for part in parts)
        tokens += sum(int(part["lengths"][kept].sum()) for part in parts)
        progress(start + len(chunk))
    responses, counted = len(problems) * calls * engine.group_size, max(tokens, 1)
    return Evaluation(
        np.concatenate(correct), answers, entropies / counted, tokens / responses, unit_entropies / counted
    )


def _filled(problems: Sequence[Problem], start: int, batch: int) -> list[Problem]:
    """A batch of always the same shape; its surplus is dropped."""
    chunk = problems[start : start + batch]
    return [chunk[i % len(chunk)] for i in range(batch)]


def _sampled(
    engine: Engine, params: Params, split: str, problems: Sequence[Problem], temperature: float, batch: int,
    start: int, call: int,
) -> Rollout:  # fmt: skip
    prompts = processes.own(engine.mesh, [problem.prompt for problem in _filled(problems, start, batch)])
    draws, first = processes.own(engine.mesh, range(start, start + batch)), call * engine.group_size
    return engine(params, prompts, draws, PURPOSES[split], temperature, first_sample=first)


def _judged(
    engine: Engine, task: Task, problems: list[Problem], rollout: Rollout, pool: Pool | None, place: str
) -> dict[str, Any]:
    """Of a whole batch, of which each process judges its own problems."""
    verdicts = judge(engine, task, None, problems, rollout, pool=pool)
    mask = local_rows(rollout.response_mask)
    total = lambda values: np.where(mask, local_rows(values), 0.0).sum(axis=1)  # noqa: E731
    columns = {
        "correct": is_correct(verdicts),
        "answers": np.asarray([v.answer for v in verdicts], dtype=object),
        "entropies": total(rollout.entropies),
        "unit_entropies": total(rollout.unit_entropies),
        "lengths": mask.sum(axis=1),
    }
    mine = list(zip(*(column.tolist() for column in columns.values()), strict=True))
    whole = zip(*processes.merged(engine.mesh, mine, place), strict=True)
    shaped = {
        name: np.asarray(values, column.dtype).reshape(-1, engine.group_size)
        for (name, column), values in zip(columns.items(), whole, strict=True)
    }
    return shaped | {"answers": shaped["answers"].tolist()}
