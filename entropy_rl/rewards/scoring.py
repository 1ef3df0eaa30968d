"""Scores a batch of completions; a reward that fails costs its own completion, never the run."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

from absl import logging

from entropy_rl.problem import Problem, Verdict
from entropy_rl.rewards.pool import DIED, TIMED_OUT, Pool
from entropy_rl.rewards.pool.messages import Call
from entropy_rl.rewards.pool.pool import calls_of
from entropy_rl.rewards.reward import FAILED as FAILED
from entropy_rl.rewards.reward import Completion, GroupReward, Reward, in_process, judged

ACCIDENTS = (FAILED, TIMED_OUT, DIED)


def score_all(
    reward: Reward, problems: Sequence[Problem], completions: Sequence[Completion], pool: Pool | None = None
) -> list[Verdict]:
    """Judges each completion of the problem at the same place.

    An exception, or a score that is not finite, gives an undecided verdict with the component `failed`; the first of
    a batch is logged with its traceback and the number of failures.

    Args:
      pool: scores in its workers, unless the reward states `in_process`.

    Raises:
      ValueError: if there are not as many problems as completions.
    """
    return _scored(reward, problems, completions, (), pool)


def score_groups(
    reward: GroupReward,
    problems: Sequence[Problem],
    completions: Sequence[Completion],
    anchors: Sequence[Completion] = (),
    pool: Pool | None = None,
) -> list[Verdict]:
    """As `score_all`, for a reward that sees the G responses to a problem at once: if it fails, the group is undecided.

    Args:
      problems: [P], each once.
      completions: [P * G], the G of a problem adjacent.
      anchors: [P * N], those of the reference policy, ordered alike; may be empty.

    Raises:
      ValueError: if the completions or the anchors do not split into as many groups as there are problems.
    """
    return _scored(reward, problems, completions, anchors, pool)


def _scored(
    reward: Any,
    problems: Sequence[Problem],
    completions: Sequence[Completion],
    anchors: Sequence[Completion],
    pool: Pool | None,
) -> list[Verdict]:
    if pool is not None and not in_process(reward):
        portable = getattr(reward, "portable", None)
        return counted(pool.score(portable or reward, problems, completions, anchors))
    return counted(_guarded(reward, calls_of(reward, problems, completions, anchors)))


def _guarded(reward: Any, calls: Sequence[Call]) -> list[Verdict]:
    """The verdicts of every call in turn; one that raises leaves its own completions undecided."""
    verdicts: list[Verdict] = []
    failures: list[tuple[Problem, Exception]] = []
    for call in calls:
        try:
            verdicts += judged(reward, call.problem, call.completions, call.anchors, is_group=call.is_group)
        except Exception as error:  # the reward is the user's code and the text is the policy's
            failures.append((call.problem, error))
            reason = f"the reward raised {type(error).__name__}: {error!s:.200}"
            failed = Verdict(score=0.0, components={FAILED: 1.0}, reason=reason, undecided=True)
            verdicts += [failed] * len(call.completions)
    if failures:
        problem, error = failures[0]
        message = "%d of %d rewards failed and count as undecided; the first, for problem %s:"
        logging.warning(message, len(failures), len(calls), problem.id, exc_info=error)
    return verdicts


def counted(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Where one verdict of a batch counts an accident, the others have it with 0: means over a batch are shares."""
    seen = {name: 0.0 for name in ACCIDENTS if any(name in verdict.components for verdict in verdicts)}
    if not seen:
        return list(verdicts)
    return [dataclasses.replace(verdict, components={**seen, **verdict.components}) for verdict in verdicts]


def failure_count(verdicts: Sequence[Verdict]) -> int:
    """How many verdicts stand for a reward that raised."""
    return sum(verdict.components.get(FAILED, 0.0) > 0 for verdict in verdicts)
