"""Responses to verdicts, on the host."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh

from entropy_rl.ops import certainty
from entropy_rl.parallel.rows import local_rows
from entropy_rl.problem import Problem, Task, Verdict
from entropy_rl.rewards.pool import Pool, Workers
from entropy_rl.rewards.reward import Completion, GroupReward, in_process
from entropy_rl.rewards.scoring import ACCIDENTS, score_all, score_groups
from entropy_rl.rewards.task_accuracy import TaskAccuracy
from entropy_rl.rollout.engine import Engine
from entropy_rl.training import length_buckets, processes
from entropy_rl.types import Array, Params, Policy, Rollout

RIGHT = 1.0  # the raw score of a right answer


@contextlib.contextmanager
def open_pool(workers: Workers | None, task: Task, reward: Any) -> Iterator[Pool | None]:
    """The worker processes of a run; None if neither its reward nor its task's verifier needs any."""
    judges = (TaskAccuracy(task), *([] if reward is None else [reward]))
    if workers is None or all(map(in_process, judges)):
        yield None
        return
    with workers.start() as pool:
        yield pool


def judge(
    engine: Engine,
    task: Task,
    reward: Any,
    problems: Sequence[Problem],
    rollout: Rollout,
    anchors: Rollout | None = None,
    certainties: Array | None = None,
    pool: Pool | None = None,
) -> list[Verdict]:
    """One verdict per row of a rollout, in its order.

    Args:
      reward: a function of rewards/, or None for the task's own verdict.
      problems: [P], those of the rollout's prompts.
      anchors: responses of the reference policy to the same problems, for a reward that asks for them.
      certainties: [B, T] self-certainty in nats, for a reward that requires it.
      pool: of `open_pool`; judges what is not sure to end.
    """
    judged = completions(engine, rollout, certainties)
    elder = [] if anchors is None else completions(engine, anchors)
    judges = reward or TaskAccuracy(task)

    def scored() -> list[Verdict]:
        if isinstance(judges, GroupReward):
            return score_groups(judges, problems, judged, elder, pool)
        repeated = [problem for problem in problems for _ in range(len(judged) // len(problems))]
        return score_all(judges, repeated, judged, pool)

    return agreed(engine.mesh, scored) if jax.process_count() > 1 else scored()


def agreed(mesh: Mesh, judge: Callable[[], list[Verdict]]) -> list[Verdict]:
    """The verdicts of one process for all that hold the same rows."""
    return processes.leaders(mesh, judge, dataclasses.asdict, lambda value: Verdict(**value))


def require_working(verdicts: Sequence[Verdict]) -> None:
    """Raises ValueError if the reward failed on every response: in the first step that is the reward's own mistake."""
    if verdicts and all(any(verdict.components.get(name) for name in ACCIDENTS) for verdict in verdicts):
        raise ValueError(
            f"the reward judged none of the {len(verdicts)} responses of the first step: {verdicts[0].reason}. "
            "Mend it, or give it more time and memory (workers.seconds, workers.memory_bytes), and run the same "
            "command again"
        )


def completions(engine: Engine, rollout: Rollout, certainties: Array | None = None) -> list[Completion]:
    """The responses [B] as rewards see them; on several processes, each judges its own."""
    mask = local_rows(rollout.response_mask)
    lengths = mask.sum(axis=1)
    mean = lambda values: np.where(mask, local_rows(values), 0.0).sum(axis=1) / np.maximum(lengths, 1)  # noqa: E731
    entropies, logprobs = mean(rollout.entropies).tolist(), mean(rollout.logprobs).tolist()
    certain = [None] * len(lengths) if certainties is None else mean(certainties).tolist()
    finished, tokens = local_rows(rollout.finished), local_rows(rollout.responses)
    return [
        Completion(text, int(length), bool(end), *numbers, tokens=tuple(row[counts].tolist()))
        for text, length, end, *numbers, row, counts in zip(
            engine.texts(rollout), lengths, finished, entropies, logprobs, certain, tokens, mask, strict=True
        )
    ]


@functools.partial(jax.jit, static_argnames="policy")
def self_certainties(params: Params, rollout: Rollout, *, policy: Policy) -> Array:
    """[B, T] nats: see ops/certainty.py. One more pass over the rollout, for the rewards that ask for it."""
    head = policy.head(params)

    def score(part: Rollout) -> Array:
        hidden = policy.response_hidden(params, part.prompts, part.prompt_mask, part.responses)
        return certainty.self_certainty(hidden, head, part.responses, part.temperature, part.logprobs)

    return length_buckets.score(length_buckets.cut(rollout, buckets=0), score, rollout)


def is_correct(verdicts: Sequence[Verdict]) -> np.ndarray:
    """[B] bool: raw accuracy, whatever shaped the reward."""
    return np.asarray([verdict.components.get("accuracy", verdict.score) >= RIGHT for verdict in verdicts])
