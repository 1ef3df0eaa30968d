"""Does the policy know what it knows: stated confidence against the share of answers that are right."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Hashable, Sequence

import numpy as np

BINS = 10
LEAST, ALMOST_ALL = 1e-6, 0.99  # a likelihood that states no confidence, and the share of them beyond which none does


@dataclasses.dataclass(frozen=True)
class Calibration:
    """Confidence and correctness, summed in bins of confidence, problem by problem.

    Attributes:
      counts, confidences, rights: [M, bins] samples in each bin, their confidences, how many of them are right.
    """

    counts: np.ndarray
    confidences: np.ndarray
    rights: np.ndarray

    @property
    def error(self) -> float:
        """Expected calibration error: sum over bins of their share times |confidence - accuracy|."""
        return float(self._errors(np.ones((1, len(self.counts))))[0])

    @property
    def overconfidence(self) -> float:
        """Mean confidence less the share of right answers."""
        return float((self.confidences.sum() - self.rights.sum()) / max(self.counts.sum(), 1.0))

    def interval(self, level: float = 0.95, draws: int = 1000, seed: int = 0) -> tuple[float, float]:
        """Of the error, over resampled problems. Like the error itself it is biased up where bins hold few samples."""
        problems = len(self.counts)
        weights = np.random.default_rng(seed).multinomial(problems, np.full(problems, 1 / problems), draws)
        low, high = np.quantile(self._errors(weights), [(1 - level) / 2, (1 + level) / 2])
        return float(low), float(high)

    def curve(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Mean confidence, accuracy and number of samples of each bin that holds any: for a reliability diagram."""
        counts, confidences, rights = (part.sum(axis=0) for part in (self.counts, self.confidences, self.rights))
        held = counts > 0
        return confidences[held] / counts[held], rights[held] / counts[held], counts[held]

    def _errors(self, weights: np.ndarray) -> np.ndarray:
        """[draws] for [draws, M] times that each problem is counted."""
        gaps = np.abs(weights @ (self.confidences - self.rights))  # [draws, bins]
        return gaps.sum(axis=1) / np.maximum((weights @ self.counts).sum(axis=1), 1.0)


def calibration(confidences: np.ndarray, correct: np.ndarray, bins: int = BINS) -> Calibration:
    """Bins samples by confidence.

    Source: Guo et al. 2017, https://arxiv.org/abs/1706.04599, equation 3, with bins of equal width.

    Args:
      confidences: [M, n] 0 to 1.
      correct: [M, n] bool.

    Raises:
      ValueError: if a confidence is no probability.
    """
    confidences, correct = np.asarray(confidences, np.float64), np.asarray(correct, bool)
    if confidences.size and not (confidences.min() >= 0.0 and confidences.max() <= 1.0 + 1e-6):
        raise ValueError(
            f"confidences range over {confidences.min()}..{confidences.max()}; they are probabilities, in 0..1"
        )
    place = np.minimum((confidences * bins).astype(int), bins - 1)
    inside = place[..., None] == np.arange(bins)  # [M, n, bins]
    total = lambda values: np.where(inside, values[..., None], 0.0).sum(axis=1)  # noqa: E731
    return Calibration(total(np.ones_like(confidences)), total(confidences), total(correct.astype(np.float64)))


def of_likelihoods(likelihoods: np.ndarray, correct: np.ndarray, bins: int = BINS) -> Calibration | None:
    """`calibration` by the probability of whole responses; None where almost none of them states a confidence.

    The probability of a response falls with its length: at 0.3 nats per token, one of 1000 tokens has e^-300, and from
    745 nats on it is 0 in float64. Then all samples lie in the first bin with a confidence of nothing, and the error is
    the share of right answers, exactly: a figure of accuracy under another name. So where 99 % of the likelihoods or
    more are below 1e-6 there is none; agreement between samples, `vote_shares`, states a confidence at any length.

    Args:
      likelihoods: [M, n] 0 to 1.
      correct: [M, n] bool.

    Raises:
      ValueError: if a likelihood is no probability.
    """
    found, small = calibration(likelihoods, correct, bins), np.asarray(likelihoods) < LEAST
    return None if not small.size or small.mean() >= ALMOST_ALL else found


def vote_shares(answers: Sequence[Sequence[Hashable]]) -> np.ndarray:
    """[M, n] confidence of a sample by agreement: the share of the other samples that give its answer.

    Leaving the sample itself out keeps a lone answer among n from claiming 1 / n. No answer, "", has no confidence,
    however many agree on it.

    Raises:
      ValueError: if a problem has fewer than 2 samples.
    """
    if any(len(row) < 2 for row in answers):
        raise ValueError("a vote takes at least 2 samples per problem; sample more")
    found = []
    for row in answers:
        counts = collections.Counter(row)
        found.append([(counts[answer] - 1) / (len(row) - 1) if answer != "" else 0.0 for answer in row])
    return np.array(found)
