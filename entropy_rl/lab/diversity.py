"""Diversity beyond token entropy: of final answers, of right ones, of plans; and where the pass@k of two runs cross.

Token entropy may rise while answers become fewer, or fall while plans stay many: so both are measured. All figures are
per problem, [M]; their mean over problems is what a run reports, and resampling problems gives its interval.
"""

from __future__ import annotations

import collections
import dataclasses
import math
import re
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, TypeGuard

import numpy as np

from entropy_rl.lab.metrics import pass_at_k
from entropy_rl.lab.runs import Run, number

SHARES = (0.25, 0.5, 0.75)  # of right samples, at which coverage is read
# Figures of an evaluation, beside pass@k and cover@tau, that of_run collects.
NAMES = (
    "answer_entropy", "routes", "distinct_right", "distinct_wrong", "planning_entropy", "execution_entropy",
    "phrase_entropy", "calibration_error", "vote_calibration_error", "entropy",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Diversity:
    """What a run's evaluations say.

    Attributes:
      steps: [n] of the validations.
      series: by name, [n] values at them; nan where one lacks the figure.
      final: test figures by name, and before training.
      intervals: of the test figures that have one, at 95 % over problems.
    """

    steps: np.ndarray
    series: Mapping[str, np.ndarray]
    final: Mapping[str, float]
    base: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]


@dataclasses.dataclass(frozen=True)
class Crossing:
    """Where the pass@k curve of one policy goes below that of another one.

    Attributes:
      k: the first at which the difference changes its sign (between whole ones by interpolation); nan if none.
      interval: of k over resampled problems, among those resamples whose curves cross.
      share: of the resamples whose curves cross.
      first, last: the difference, one less other, at k = 1 and at the largest k, with their intervals.
    """

    k: float
    interval: tuple[float, float]
    share: float
    first: tuple[float, float, float]
    last: tuple[float, float, float]


def of_run(run: Run) -> Diversity | None:
    """What validations and test of a run say of diversity; None if they say nothing."""
    wanted = lambda key: key in NAMES or re.fullmatch(r"(pass|cover)@[\d.]+", key)  # noqa: E731
    keys = sorted(key for key in run.keys if key.startswith("validation/") and wanted(key.split("/", 1)[1]))
    rows = [record for record in run.records if any(math.isfinite(number(record.get(key))) for key in keys)]
    series = {key.split("/", 1)[1]: np.array([number(record.get(key)) for record in rows]) for key in keys}
    test, base = (_figures(run.summary.get(part), wanted) for part in ("test", "base"))
    if not test and not set(series) & set(NAMES):
        return None
    read = run.summary.get("test") or {}
    bounds = {key: read.get(f"{key}/interval") for key in test}
    intervals = {key: (number(pair[0]), number(pair[1])) for key, pair in bounds.items() if pair}
    return Diversity(np.array([record["step"] for record in rows], np.float64), series, test, base, intervals)


def answer_entropy(answers: Sequence[Sequence[Hashable]]) -> np.ndarray:
    """[M] nats: -sum_a p(a) log p(a) over the final answers of each problem; no answer counts as one answer.

    The entropy of the empirical distribution: from n samples at most log n, and below the true one for many answers,
    so compare it only between evaluations of as many samples.
    """
    return np.array([_entropy(collections.Counter(row)) for row in answers])


def routes(answers: Sequence[Sequence[Hashable]], correct: np.ndarray) -> np.ndarray:
    """[M] effective number of right answers, exp(entropy of the right ones); nan where none is right."""
    right = _counted(answers, correct)
    return np.array([math.exp(_entropy(counts)) if counts else math.nan for counts in right])


def distinct(answers: Sequence[Sequence[Hashable]], counted: np.ndarray) -> np.ndarray:
    """[M] different answers among those counted."""
    return np.array([float(len(counts)) for counts in _counted(answers, counted)])


def cover_at(correct: np.ndarray, share: float) -> np.ndarray:
    """[M] 1 where at least `share` of the samples are right: Cover@tau, a pass@k that luck does not reach.

    Source: Cover@tau as in https://arxiv.org/abs/2510.08325.
    """
    samples = correct.shape[1]
    return (correct.sum(axis=1) >= share * samples - 1e-9).astype(np.float64)


def phrase_entropy(phrases: Sequence[Sequence[Sequence[Hashable]]]) -> np.ndarray:
    """[M] nats: entropy over the planning phrases in all samples of each problem; nan where there is none.

    A phrase is a run of planning tokens in a row. Source: the semantic entropy of strategic grams of
    https://arxiv.org/abs/2509.03646, there over clusters of phrases in words.

    Args:
      phrases: [M][n] phrases of each sample.
    """
    pooled = [collections.Counter(phrase for sample in row for phrase in sample) for row in phrases]
    return np.array([_entropy(counts) if counts else math.nan for counts in pooled])


def runs_of(tokens: Sequence[int], counted: Sequence[bool]) -> list[tuple[int, ...]]:
    """The stretches of counted tokens: [6 + 9 = 15] with the first three counted gives [(6, +, 9)]."""
    found: list[list[int]] = []
    before = False
    for token, counts in zip(tokens, counted, strict=True):
        if counts:
            (found[-1].append(token) if before else found.append([token]))
        before = counts
    return [tuple(phrase) for phrase in found]


def crossing(
    one: Sequence[int], other: Sequence[int], samples: int, level: float = 0.95, draws: int = 1000, seed: int = 0
) -> Crossing:
    """Compares pass@k at every k from 1 to `samples`, problem by problem.

    Args:
      one, other: [M] right answers of two policies to the same problems.
      samples: n, of each problem.
      level: of the intervals.

    Raises:
      ValueError: if the two do not answer as many problems.
    """
    if len(one) != len(other):
        raise ValueError(f"{len(one)} problems against {len(other)}: curves of different problems are not compared")
    gaps = np.stack([pass_at_k(one, samples, k) - pass_at_k(other, samples, k) for k in range(1, samples + 1)], axis=1)
    weights = np.random.default_rng(seed).multinomial(len(gaps), np.full(len(gaps), 1 / len(gaps)), draws) / len(gaps)
    drawn = weights @ gaps  # [draws, samples]
    crossings = np.array([_sign_change(curve) for curve in drawn])
    known = crossings[np.isfinite(crossings)]
    tails = [(1 - level) / 2, (1 + level) / 2]
    interval = tuple(np.quantile(known, tails)) if known.size else (math.nan, math.nan)
    bounds = np.quantile(drawn, tails, axis=0)  # [2, samples]
    ends = [(float(gaps[:, k].mean()), float(bounds[0, k]), float(bounds[1, k])) for k in (0, -1)]
    return Crossing(
        _sign_change(gaps.mean(axis=0)), (float(interval[0]), float(interval[1])), known.size / draws, ends[0], ends[1]
    )  # fmt: skip


def crossing_of(one: Run, other: Run) -> Crossing | None:
    """Where the test curves of two runs cross; None if they do not hold the counts, or of different problems.

    A run does not record which problems it was tested on, but what they follow from: every field of its task (of a
    TrainTest, of the one that it is tested on) and how many of its problems are asked. Runs that differ in any of
    these, in the number of answered problems, or of samples, are not compared; a run that records no task could be of
    any.
    """
    first, second = _right(one), _right(other)
    if first is None or second is None or first[0] != second[0] or len(first[1]) != len(second[1]):
        return None
    asked, also = _problems(one), _problems(other)
    if asked and also and asked != also:
        return None
    return crossing(first[1], second[1], first[0])


def fault_of(run: Run) -> str:
    """Why the counts that a run's test recorded are none, in words; "" where they are, or where there are none."""
    right = _recorded(run)
    if right is None:
        return ""
    samples, counts = right.get("samples"), right.get("counts")
    left_out = "its pass@k curve is not compared; evaluate the run again"
    if not _is_whole(samples) or not isinstance(counts, list) or not counts or not all(map(_is_whole, counts)):
        return f"{run.name}: the test recorded no whole numbers of right answers and samples; {left_out}"
    if samples < 1 or min(counts) < 0 or max(counts) > samples:
        wrong = max(counts) if max(counts) > samples else min(counts)
        return f"{run.name}: the test recorded {wrong} right answers among {samples} samples; {left_out}"
    return ""


def _recorded(run: Run) -> Mapping[str, Any] | None:
    test = run.summary.get("test")
    right = test.get("right") if isinstance(test, Mapping) else None
    return right if isinstance(right, Mapping) else None


def _right(run: Run) -> tuple[int, list[int]] | None:
    """Samples of each test problem, and [M] how many of them are right; None without them, or with a fault."""
    right = _recorded(run)
    return None if right is None or fault_of(run) else (right["samples"], right["counts"])


def _problems(run: Run) -> dict[str, Any]:
    """The fields of a config that the test problems follow from; {} of a run that records no task."""
    flat = run.config.get("flat")
    flat = flat if isinstance(flat, Mapping) else {}
    task = "task.test" if flat.get("task.__class__") == "TrainTest" else "task"
    fields = {key: value for key, value in flat.items() if key == task or key.startswith((f"{task}.", f"{task}["))}
    return fields | {"asked": flat.get("evaluation.test_problems")} if fields else {}


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _sign_change(gaps: np.ndarray) -> float:
    """The first k, interpolated, at which a curve over k = 1, 2, ... changes its sign; touching zero is no change."""
    places = np.flatnonzero(np.abs(gaps) > 1e-12)
    for before, after in zip(places[:-1], places[1:], strict=True):
        if gaps[before] * gaps[after] < 0:
            return float(before + 1 + (after - before) * gaps[before] / (gaps[before] - gaps[after]))
    return math.nan


def _counted(answers: Sequence[Sequence[Hashable]], counted: np.ndarray) -> list[collections.Counter]:
    pairs = zip(answers, np.asarray(counted, bool).tolist(), strict=True)
    return [collections.Counter(a for a, c in zip(*pair, strict=True) if c) for pair in pairs]


def _entropy(counts: collections.Counter) -> float:
    shares = np.array(list(counts.values()), np.float64) / max(counts.total(), 1)
    return max(0.0, float(-(shares * np.log(shares)).sum()))


def _figures(values: object, wanted) -> dict[str, float]:
    table = values if isinstance(values, Mapping) else {}
    read = {key: number(value) for key, value in table.items() if wanted(key)}
    return {key: value for key, value in read.items() if math.isfinite(value)}
