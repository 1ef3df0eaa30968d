"""Right answers of another temperature, in the place of responses of this one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from entropy_rl.parallel import rows
from entropy_rl.problem import Problem, Verdict
from entropy_rl.rollout.engine import Engine
from entropy_rl.rollout.sampling import Purpose
from entropy_rl.rollout.tempering import Tempering
from entropy_rl.training import processes, substitution
from entropy_rl.training.judging import is_correct
from entropy_rl.training.substitution import Substitute, Trained
from entropy_rl.types import Array, Params, Rollout

Judge = Callable[[Sequence[Problem], Rollout], list[Verdict]]


def temper(
    engine: Engine,
    tempering: Tempering,
    judge: Judge,
    params: Params,
    problems: Sequence[Problem],
    rollout: Rollout,
    verdicts: Sequence[Verdict],
    draws: Sequence[int],
    temperatures: tuple[float, float],
    version: Array | int,
) -> Trained:
    """Asks the first prompts again at another temperature, and puts right answers into the rows of their prompts.

    Args:
      judge: of responses to problems.
      params: as rollouts read them.
      problems, draws: [P], those of the rollout; of several processes, their own.
      temperatures: of the rollout, and of what is sampled here.
      version: optimiser steps of `params`.
    """
    usual, other = temperatures
    if usual == other:
        return substitution.untouched(rollout, verdicts)
    asked = min(rows.own_slots(engine.mesh, tempering.prompts), len(problems))
    prompts = [problem.prompt for problem in problems[:asked]]
    sampled = engine(params, prompts, draws[:asked], Purpose.TEMPERING, other, version)
    judged = judge(problems[:asked], sampled)
    right = is_correct(judged).reshape(asked, -1)
    joining = right & ~right.all(axis=1, keepdims=True)
    most = tempering.most // (2 if other < usual else 1)
    most = -(-most // rows.team(engine.mesh).count)
    chosen = np.flatnonzero(joining)[:most]
    places = _first_rows(chosen // engine.group_size, engine.group_size)
    tokens, mask, finished = (
        rows.local_rows(array) for array in (sampled.responses, sampled.response_mask, sampled.finished)
    )
    substitutes = {
        int(place): Substitute(tokens[row][mask[row]].tolist(), bool(finished[row]), judged[row])
        for place, row in zip(places, chosen, strict=True)
    }
    counts = processes.everyones([len(verdicts), right.size, int(right.sum()), len(chosen)], "tempered answers")
    n_rows, n_asked, n_right, n_joining = (sum(column) for column in zip(*counts, strict=True))
    figures = {
        "tempering/temperature": other,
        "tempering/accuracy": n_right / n_asked,
        "tempering/joined": n_joining / n_rows,
    }
    return substitution.substituted(rollout, verdicts, substitutes, engine.tokenizer.pad_id, version, figures)


def _first_rows(groups: np.ndarray, size: int) -> np.ndarray:
    """Rows of a batch: the first of each group for as often as the group is named; `groups` ascend."""
    within = np.arange(len(groups)) - np.searchsorted(groups, groups)
    return groups * size + within
