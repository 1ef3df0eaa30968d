"""Scores a batch of completions; a reward that fails costs its own completion, never the run."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from absl import logging

from entropy_rl.problem import Problem, Verdict
from entropy_rl.rewards.reward import Completion, GroupReward, Reward, as_verdict

FAILED = "failed"  # the component that counts exceptions; its mean over a batch is their share


def score_all(reward: Reward, problems: Sequence[Problem], completions: Sequence[Completion]) -> list[Verdict]:
    """Judges each completion of the problem at the same place.

    An exception, or a score that is not finite, gives an undecided verdict with the component `failed`; the first of
    a batch is logged with its traceback and the number of failures.

    Raises:
      ValueError: if there are not as many problems as completions.
    """
    if len(problems) != len(completions):
        raise ValueError(
            f"{len(problems)} problems for {len(completions)} completions; repeat each problem once per response"
        )
    judge = lambda problem, completion: [reward(problem, completion)]  # noqa: E731
    return _guarded(judge, [(problem, completion) for problem, completion in zip(problems, completions, strict=True)])


def score_groups(
    reward: GroupReward,
    problems: Sequence[Problem],
    completions: Sequence[Completion],
    anchors: Sequence[Completion] = (),
) -> list[Verdict]:
    """As `score_all`, for a reward that sees the G responses to a problem at once: if it fails, the group is undecided.

    Args:
      problems: [P], each once.
      completions: [P * G], the G of a problem adjacent.
      anchors: [P * N], those of the reference policy, ordered alike; may be empty.

    Raises:
      ValueError: if the completions or the anchors do not split into as many groups as there are problems.
    """
    if not problems or len(completions) % len(problems) or len(anchors) % len(problems):
        raise ValueError(
            f"{len(completions)} completions and {len(anchors)} anchors do not split into {len(problems)} groups; "
            "give every response of each problem"
        )
    groups, beside = _split(completions, len(problems)), _split(anchors, len(problems))
    return _guarded(reward.score_group, list(zip(problems, groups, beside, strict=True)))


def _split(completions: Sequence[Completion], groups: int) -> list[Sequence[Completion]]:
    size = len(completions) // groups
    return [completions[start * size : (start + 1) * size] for start in range(groups)]


def _guarded(judge: Callable[..., Sequence[Verdict | float]], calls: Sequence[tuple]) -> list[Verdict]:
    """The verdicts of every call in turn; one that raises leaves its own completions undecided."""
    verdicts: list[Verdict] = []
    failures: list[tuple[Problem, Exception]] = []
    for problem, judged, *beside in calls:
        count = 1 if isinstance(judged, Completion) else len(judged)
        try:
            verdicts.extend(_checked(judge(problem, judged, *beside), count))
        except Exception as error:  # the reward is the user's code and the text is the policy's
            failures.append((problem, error))
            reason = f"the reward raised {type(error).__name__}: {error!s:.200}"
            failed = Verdict(score=0.0, components={FAILED: 1.0}, reason=reason, undecided=True)
            verdicts.extend([failed] * count)
    if failures:
        problem, error = failures[0]
        message = "%d of %d rewards failed and count as undecided; the first, for problem %s:"
        logging.warning(message, len(failures), len(calls), problem.id, exc_info=error)
    return verdicts


def failure_count(verdicts: Sequence[Verdict]) -> int:
    """How many verdicts stand for a reward that raised."""
    return sum(FAILED in verdict.components for verdict in verdicts)


def _checked(values: Sequence[Verdict | float], count: int) -> list[Verdict]:
    verdicts = [as_verdict(value) for value in values]
    if len(verdicts) != count:
        raise ValueError(f"{len(verdicts)} verdicts for {count} completions; a reward must judge each")
    for verdict in verdicts:
        if not math.isfinite(verdict.score):
            raise ValueError(f"score {verdict.score} is not finite; a reward must return a finite number")
    return verdicts
