"""Held-out accuracy of a policy, unbiased pass@k, avg@k and maj@k over sampled responses, and their diversity."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from absl import logging

from entropy_rl.lab import calibration, diversity
from entropy_rl.lab import metrics as lab_metrics
from entropy_rl.problem import Problem, Role, Task
from entropy_rl.rewards.pool import Pool
from entropy_rl.rollout.engine import Engine, ahead
from entropy_rl.rollout.sampling import Purpose
from entropy_rl.training import processes
from entropy_rl.training.judging import is_correct, judge
from entropy_rl.training.processes import local_rows
from entropy_rl.types import Params, Rollout

ROLES = {"planning": Role.PLANNING, "execution": Role.EXECUTION}
TOTALS = (
    "length", "entropy", "unit entropy", *(f"{role} {what}" for role in ROLES for what in ("entropy", "tokens"))
)  # fmt: skip
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
      likelihoods: [M, n] probability of the whole response under the distribution that it was sampled from.
      phrases: [M][n] planning phrases of each response: stretches of planning tokens.
      roles: [M, 2, 2] of planning and of execution tokens: summed entropy in nats, and how many they are.
    """

    correct: np.ndarray
    answers: list[list[str]]
    entropy: float
    length: float
    unit_entropy: float = float("nan")
    likelihoods: np.ndarray | None = None
    phrases: list[list[list[tuple[int, ...]]]] | None = None
    roles: np.ndarray | None = None

    def metrics(self, prefix: str) -> dict[str, Any]:
        """Named figures: pass@k for k = 1, 2, 4, ... up to n, avg@n, maj@n, entropy, length, and those of diversity.

        What no problem has, such as right routes of a policy that solves nothing, is left out.
        """
        means = {name: float(np.nanmean(values)) for name, values in self.per_problem().items()}
        means |= {"entropy": self.entropy, "length": self.length}
        means |= {name: calibrated.error for name, calibrated in self.calibrations().items()}
        if self.roles is not None:
            (planning, planned), (execution, executed) = self.roles.sum(axis=0)
            means |= {"planning_entropy": planning / planned} if planned else {}
            means |= {"execution_entropy": execution / executed} if executed else {}
        return {f"{prefix}/{name}": float(value) for name, value in means.items()}

    def per_problem(self) -> dict[str, np.ndarray]:
        """[M] values whose mean over problems (without those that are nan) is a figure."""
        samples = self.correct.shape[1]
        right = self.correct.sum(axis=1)
        found = {f"pass@{k}": lab_metrics.pass_at_k(right, samples, k) for k in powers_of_two(samples)}
        found[f"avg@{samples}"] = lab_metrics.avg_at_k(right, samples)
        found[f"maj@{samples}"] = lab_metrics.maj_at_k(self.answers, self.correct.tolist(), samples)
        if samples > 1:
            found |= {f"cover@{share:g}": diversity.cover_at(self.correct, share) for share in diversity.SHARES}
            found["answer_entropy"] = diversity.answer_entropy(self.answers)
            found["routes"] = diversity.routes(self.answers, self.correct)
            found["distinct_right"] = diversity.distinct(self.answers, self.correct)
            found["distinct_wrong"] = diversity.distinct(self.answers, ~self.correct)
            if self.phrases is not None:
                found["phrase_entropy"] = diversity.phrase_entropy(self.phrases)
        return {name: values for name, values in found.items() if np.isfinite(values).any()}

    def calibrations(self) -> dict[str, calibration.Calibration]:
        """Confidence against correctness: the probability of the response, unless it is that of a long text and says
        nothing, and agreement between samples."""
        found: dict[str, calibration.Calibration] = {}
        if self.likelihoods is not None:
            stated = calibration.of_likelihoods(self.likelihoods, self.correct)
            found |= {} if stated is None else {"calibration_error": stated}
        if self.correct.shape[1] > 1:
            found["vote_calibration_error"] = calibration.calibration(
                calibration.vote_shares(self.answers), self.correct
            )
        return found

    def intervals(self) -> dict[str, tuple[float, float]]:
        """95 % bootstrap intervals over problems of every figure that is taken per problem."""
        samples = self.correct.shape[1]
        found = {
            name: lab_metrics.bootstrap_interval(values)
            for name, values in self.per_problem().items()
            if name != f"avg@{samples}"  # it is pass@1
        }
        return found | {name: calibrated.interval() for name, calibrated in self.calibrations().items()}

    def figures(self, prefix: str) -> dict[str, Any]:
        """JSON values: the metrics, their intervals, and how many samples of each problem are right, with which another
        policy is compared problem by problem."""
        intervals = {f"{prefix}/{name}/interval": list(bounds) for name, bounds in self.intervals().items()}
        right = {"samples": self.correct.shape[1], "counts": self.correct.sum(axis=1).tolist()}
        return self.metrics(prefix) | intervals | {f"{prefix}/right": right}


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
    found: dict[str, list[Any]] = {}
    for start in range(0, len(problems), batch):
        chunk = list(problems[start : start + batch])
        filled = processes.own(engine.mesh, _filled(problems, start, batch))
        place = f"{split} problems from {start}"
        parts = [_judged(engine, task, filled, wait(next(sampled)), pool, place) for _ in range(calls)]
        for name in parts[0]:
            rows = [sum((part[name][row] for part in parts), []) for row in range(len(chunk))]
            found.setdefault(name, []).extend(rows)
        progress(start + len(chunk))
    return _gathered(found, samples)


def _gathered(found: dict[str, list[Any]], samples: int) -> Evaluation:
    """Totals are over all that was sampled; what is told per problem, over as many samples as were asked for."""
    arrays = {name: np.asarray(found[name]) for name in TOTALS}  # [M, calls * G]
    tokens, responses = max(int(arrays["length"].sum()), 1), arrays["length"].size
    kept = {name: [row[:samples] for row in found[name]] for name in ("correct", "answer", "logprob", "phrases")}
    roles = np.stack([[arrays[f"{role} {what}"].sum(axis=1) for what in ("entropy", "tokens")] for role in ROLES])
    return Evaluation(
        np.asarray(kept["correct"], bool), kept["answer"], float(arrays["entropy"].sum() / tokens),
        int(arrays["length"].sum()) / responses, float(arrays["unit entropy"].sum() / tokens),
        np.exp(np.minimum(np.asarray(kept["logprob"], np.float64), 0.0)),
        [[[tuple(phrase) for phrase in one] for one in row] for row in kept["phrases"]], roles.transpose(2, 0, 1),
    )  # fmt: skip


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
) -> dict[str, list[list[Any]]]:
    """JSON values by name, a list of G for each problem of a whole batch, of which each process judges its own."""
    verdicts = judge(engine, task, None, problems, rollout, pool=pool)
    mask, entropies = local_rows(rollout.response_mask), local_rows(rollout.entropies)
    total = lambda values, counted=mask: np.where(counted, values, 0.0).sum(axis=1).tolist()  # noqa: E731
    lengths, tokens = mask.sum(axis=1).tolist(), local_rows(rollout.responses).tolist()
    rows = [row[:length] for row, length in zip(tokens, lengths, strict=True)]
    labels = [task.roles(row) for row in rows]
    columns = {
        "correct": is_correct(verdicts).tolist(),
        "answer": [verdict.answer for verdict in verdicts],
        "logprob": total(local_rows(rollout.logprobs)),
        "phrases": [_phrases(row, label) for row, label in zip(rows, labels, strict=True)],
        "entropy": total(entropies),
        "unit entropy": total(local_rows(rollout.unit_entropies)),
        "length": lengths,
    }
    padded = np.zeros(mask.shape, np.int32)
    for row, label in zip(padded, labels, strict=True):
        row[: len(label)] = label
    for name, role in ROLES.items():
        columns[f"{name} entropy"] = total(entropies, mask & (padded == role))
        columns[f"{name} tokens"] = (mask & (padded == role)).sum(axis=1).tolist()
    mine = list(zip(*columns.values(), strict=True))
    whole = list(zip(*processes.merged(engine.mesh, mine, place), strict=True))
    size = engine.group_size
    return {
        name: [list(values[start : start + size]) for start in range(0, len(values), size)]
        for name, values in zip(columns, whole, strict=True)
    }


def _phrases(tokens: list[int], labels: list[Role]) -> list[tuple[int, ...]]:
    return diversity.runs_of(tokens, [label is Role.PLANNING for label in labels])
