"""Figures of merit of sampled answers: pass@k, avg@k, maj@k, and how far a test set of this size pins them down."""

from __future__ import annotations

import collections
from collections.abc import Sequence

import numpy as np


def pass_at_k(correct: np.ndarray | Sequence[int], samples: int, k: int) -> np.ndarray:
    """The probability that at least one of k answers, drawn without replacement from those sampled, is right.

        pass@k = 1 - C(n - c, k) / C(n, k) = 1 - prod_{j < k} (n - c - j) / (n - j)

    Source: Chen et al. 2021, https://arxiv.org/abs/2107.03374, equation 1. The product never forms a binomial
    coefficient, so it neither overflows nor cancels.

    Args:
      correct: [problems] number c of right answers among the samples of each problem.
      samples: n, the answers sampled per problem.
      k: 1 to n.

    Returns:
      [problems] float64, unbiased; their mean is the benchmark's pass@k.

    Raises:
      ValueError: if k is not in 1..n, or a count is not in 0..n.
    """
    correct = np.asarray(correct)
    if not 1 <= k <= samples:
        raise ValueError(f"k = {k} must be between 1 and the {samples} samples per problem; sample more or lower k")
    if correct.size and (correct.min() < 0 or correct.max() > samples):
        raise ValueError(
            f"counts of right answers range over {correct.min()}..{correct.max()}, not within 0..{samples}"
        )
    j = np.arange(k)
    wrong = np.maximum(samples - correct[..., None] - j, 0)  # 0 once fewer than k answers are wrong
    return 1.0 - np.prod(wrong / (samples - j), axis=-1)


def avg_at_k(correct: np.ndarray | Sequence[int], samples: int) -> np.ndarray:
    """[problems] share of right answers among those sampled: pass@1, estimated from all samples."""
    return pass_at_k(correct, samples, 1)


def maj_at_k(answers: Sequence[Sequence[str]], correct: Sequence[Sequence[bool]], k: int) -> np.ndarray:
    """The expected score of a majority vote over k answers, ties broken by a fair draw.

        maj@k = mean over the tied most frequent answers of the share of their voters that were judged right

    A vote is held in each consecutive block of k samples (samples are exchangeable, so the mean is unbiased); a rest
    shorter than k is left out. An empty answer abstains; if all abstain the vote is lost.

    Args:
      answers: [problems][n] normalised final answers.
      correct: [problems][n] whether each was judged right.
      k: votes per election, 1 to n.

    Returns:
      [problems] float64.

    Raises:
      ValueError: if a problem has fewer than k answers, or as many answers as verdicts do not match.
    """
    return np.array(
        [_elections(a, c, k) for a, c in zip(answers, correct, strict=True)],
        dtype=np.float64,
    )


def bootstrap_interval(
    values: np.ndarray | Sequence[float],
    level: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """Percentile interval of the mean over problems, resampling problems with replacement.

    It tells how much the figure owes to the choice of problems, and nothing about the spread between training seeds.

    Args:
      values: [problems] one score each; not finite ones are left out.
      level: probability inside the interval.
      draws: resamples.
      seed: the same seed gives the same interval.

    Returns:
      (low, high), or (nan, nan) without values.
    """
    values = np.asarray(values, dtype=np.float64)
    values = values[np.isfinite(values)]
    if not values.size:
        return float("nan"), float("nan")
    generator = np.random.default_rng(seed)
    # One draw at a time: [draws, problems] of a large benchmark would be hundreds of megabytes.
    means = [values[generator.integers(0, values.size, values.size)].mean() for _ in range(draws)]
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _elections(answers: Sequence[str], correct: Sequence[bool], k: int) -> float:
    if len(answers) != len(correct):
        raise ValueError(f"{len(answers)} answers but {len(correct)} verdicts; each answer needs its own")
    if not 1 <= k <= len(answers):
        raise ValueError(
            f"k = {k} must be between 1 and the {len(answers)} answers per problem; sample more or lower k"
        )
    blocks = range(0, len(answers) - k + 1, k)
    return float(np.mean([_election(answers[i : i + k], correct[i : i + k]) for i in blocks]))


def _election(answers: Sequence[str], correct: Sequence[bool]) -> float:
    voters: dict[str, list[bool]] = collections.defaultdict(list)
    for answer, right in zip(answers, correct, strict=True):
        if answer:
            voters[answer].append(bool(right))
    if not voters:
        return 0.0
    most = max(len(votes) for votes in voters.values())
    return float(np.mean([np.mean(votes) for votes in voters.values() if len(votes) == most]))
