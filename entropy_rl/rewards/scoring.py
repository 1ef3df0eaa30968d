"""Scores a batch of completions; a reward that fails costs its own completion, never the run."""

from __future__ import annotations

import math
from collections.abc import Sequence

from absl import logging

from entropy_rl.problem import Problem, Verdict
from entropy_rl.rewards.reward import Completion, Reward, as_verdict

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
    verdicts: list[Verdict] = []
    failures: list[tuple[Problem, Exception]] = []
    for problem, completion in zip(problems, completions, strict=True):
        try:
            verdicts.append(_checked(as_verdict(reward(problem, completion))))
        except Exception as error:  # the reward is the user's code and the text is the policy's
            failures.append((problem, error))
            reason = f"the reward raised {type(error).__name__}: {error!s:.200}"
            verdicts.append(Verdict(score=0.0, components={FAILED: 1.0}, reason=reason, undecided=True))
    if failures:
        problem, error = failures[0]
        message = "%d of %d rewards failed and count as undecided; the first, for problem %s:"
        logging.warning(message, len(failures), len(verdicts), problem.id, exc_info=error)
    return verdicts


def failure_count(verdicts: Sequence[Verdict]) -> int:
    """How many verdicts stand for a reward that raised."""
    return sum(FAILED in verdict.components for verdict in verdicts)


def _checked(verdict: Verdict) -> Verdict:
    if not math.isfinite(verdict.score):
        raise ValueError(f"score {verdict.score} is not finite; a reward must return a finite number")
    return verdict
