"""Responses to verdicts, on the host."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from entropy_rl.problem import Problem, Task, Verdict
from entropy_rl.rewards.scoring import Completion, score_all
from entropy_rl.rewards.task_accuracy import TaskAccuracy
from entropy_rl.rollout.engine import Engine
from entropy_rl.types import Rollout

RIGHT = 1.0  # the raw score of a right answer


def judge(engine: Engine, task: Task, reward: Any, problems: Sequence[Problem], rollout: Rollout) -> list[Verdict]:
    """One verdict per row of a rollout, in its order.

    Args:
      reward: a function of rewards/, or None for the task's own verdict.
      problems: [P], those of the rollout's prompts.
    """
    group_size = rollout.responses.shape[0] // len(problems)
    lengths = np.asarray(rollout.response_mask).sum(axis=1)
    finished = np.asarray(rollout.finished)
    completions = [
        Completion(text, int(length), bool(end))
        for text, length, end in zip(engine.texts(rollout), lengths, finished, strict=True)
    ]
    repeated = [problem for problem in problems for _ in range(group_size)]
    return score_all(reward or TaskAccuracy(task), repeated, completions)


def is_correct(verdicts: Sequence[Verdict]) -> np.ndarray:
    """[B] bool: raw accuracy, whatever shaped the reward."""
    return np.asarray([verdict.components.get("accuracy", verdict.score) >= RIGHT for verdict in verdicts])
