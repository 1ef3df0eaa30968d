"""What inference makes of a policy: how far a score moves by luck, and what votes and choices among n samples earn.

Training changes the policy; temperature, samples and length budget change only what is drawn from it. The two are kept
apart by sweeping the second over checkpoints of the first: `python -m entropy_rl.evaluate --sweep`.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from absl import logging
from etils import epath

from entropy_rl.lab.metrics import bootstrap_interval, maj_at_k, pass_at_k
from entropy_rl.lab.runs import Run

FILE = "test_time.json"  # in a run's folder, where of_run looks
_UNKNOWN = (float("nan"), float("nan"))


@dataclasses.dataclass(frozen=True)
class Cell:
    """One temperature and length budget.

    Attributes:
      ks: sample counts, powers of two.
      pass_at, majority, likeliest: at each of ks: the chance of a right one (a perfect judge's best of k); of a vote's
        answer; and of the answer that the policy itself holds likeliest.
      noise: variance of one sample's score, within problems: mean of p (1 - p), unbiased.
      deviation: standard deviation of pass@1 from one sample per problem: of the score itself, between two evaluations.
      intervals: 95 % over problems, of "pass_at", "majority" and "likeliest" at the largest of ks, and of pass@1.
    """

    temperature: float
    length: int
    ks: tuple[int, ...]
    pass_at: tuple[float, ...]
    majority: tuple[float, ...]
    likeliest: tuple[float, ...]
    noise: float
    deviation: float
    entropy: float
    mean_length: float
    intervals: Mapping[str, tuple[float, float]]


@dataclasses.dataclass(frozen=True)
class Sweep:
    """All cells of one checkpoint."""

    step: int
    problems: int
    samples: int
    cells: tuple[Cell, ...]

    def at(self, temperature: float, length: int | None = None) -> Cell:
        """The cell of a temperature, at the largest length budget unless one is named.

        Raises:
          ValueError: if it was not swept.
        """
        there = [cell for cell in self.cells if cell.temperature == temperature]
        there = [cell for cell in there if length in (None, cell.length)]
        if not there:
            swept = ", ".join(f"{cell.temperature:g} x {cell.length}" for cell in self.cells)
            raise ValueError(f"temperature {temperature:g} x length {length} was not swept; there are {swept}")
        return max(there, key=lambda cell: cell.length)


def of_run(run: Run) -> Sweep | None:
    """The sweep that was written into a run's folder; None if there is none, or none that can be read."""
    file = epath.Path(run.path) / FILE if run.path else None
    if file is None or not file.exists():
        return None
    try:
        document = json.loads(file.read_text())
        cells = tuple(_read(values) for values in document["cells"])
        found = Sweep(int(document["step"]), int(document["problems"]), int(document["samples"]), cells)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError) as error:
        logging.warning("%s holds no sweep (cut?); it is left out: %s", file, error)
        return None
    return found if found.cells else None


def _read(values: Mapping[str, Any]) -> Cell:
    """A cell as JSON.

    Raises:
      ValueError, TypeError, KeyError: if it is none.
    """
    ks = tuple(int(k) for k in values["ks"])
    series: dict[str, Any] = {
        name: tuple(float(x) for x in values[name]) for name in ("pass_at", "majority", "likeliest")
    }
    if not ks or min(ks) < 1 or any(len(of_ks) != len(ks) for of_ks in series.values()):
        raise ValueError(f"{len(ks)} sample counts with other numbers of figures")
    intervals = {str(name): (float(low), float(high)) for name, (low, high) in values["intervals"].items()}
    names = ("temperature", "noise", "deviation", "entropy", "mean_length")
    numbers: dict[str, Any] = {name: float(values[name]) for name in names}
    if not numbers["temperature"] > 0:
        raise ValueError(f"a temperature of {numbers['temperature']}")
    return Cell(length=int(values["length"]), ks=ks, intervals={"pass@1": _UNKNOWN} | intervals, **series, **numbers)


def cell(
    correct: np.ndarray,
    answers: Sequence[Sequence[str]],
    likelihoods: np.ndarray,
    *,
    temperature: float,
    length: int,
    entropy: float,
    mean_length: float,
) -> Cell:
    """Figures of M problems, n samples each.

    Args:
      correct: [M, n] bool.
      answers: [M][n] normalised.
      likelihoods: [M, n] by which the policy ranks its own samples.
    """
    problems, samples = correct.shape
    right = correct.sum(axis=1)
    ks = tuple(1 << power for power in range(samples.bit_length()) if 1 << power <= samples)
    per_problem = {
        "pass_at": [pass_at_k(right, samples, k) for k in ks],
        "majority": [maj_at_k(answers, correct.tolist(), k) for k in ks],
        "likeliest": [likeliest_at_k(correct, likelihoods, k) for k in ks],
    }
    shares = right / samples
    noise = float(np.mean(shares * (1 - shares)) * samples / max(samples - 1, 1))
    intervals = {name: bootstrap_interval(values[-1]) for name, values in per_problem.items()}
    intervals["pass@1"] = bootstrap_interval(per_problem["pass_at"][0])
    means = {name: tuple(float(value.mean()) for value in values) for name, values in per_problem.items()}
    return Cell(
        temperature, length, ks, **means, noise=noise, deviation=(noise / problems) ** 0.5, entropy=entropy,
        mean_length=mean_length, intervals=intervals,
    )  # fmt: skip


def likeliest_at_k(correct: np.ndarray, likelihoods: np.ndarray, k: int) -> np.ndarray:
    """[M] chance that the likeliest of k samples, drawn without replacement from the n, is right.

        P(the sample of rank i among n is the best of k) = C(n - 1 - i, k - 1) / C(n, k),   i = 0 for the likeliest

    Samples of one likelihood share their ranks' chances.

    Raises:
      ValueError: if k is not in 1..n.
    """
    correct, likelihoods = np.asarray(correct, np.float64), np.asarray(likelihoods, np.float64)
    samples = correct.shape[1]
    if not 1 <= k <= samples:
        raise ValueError(f"k = {k} must be between 1 and the {samples} samples per problem; sample more or lower k")
    # C(n-1-i, k-1) / C(n, k), from the first rank on: each is the one before times (n - i - k) / (n - i - 1).
    chances = np.zeros(samples)
    chances[0] = k / samples
    for i in range(samples - k):
        chances[i + 1] = chances[i] * (samples - i - k) / (samples - i - 1)
    found = np.empty(len(correct))
    for problem, (rights, scores) in enumerate(zip(correct, likelihoods, strict=True)):
        order = np.argsort(-scores, kind="stable")
        _, group = np.unique(-scores[order], return_inverse=True)
        means = np.bincount(group, rights[order]) / np.bincount(group)  # of samples that nothing tells apart
        found[problem] = chances @ means[group]
    return found


def table(sweep: Sweep) -> str:
    """A line for each cell."""
    largest = sweep.cells[0].ks[-1]
    head = f"{'T':>5}{'length':>8}{'entropy':>9}{'pass@1':>8}  {'95 %':<14}{'luck ±':>7}"
    lines = [f"{head}{f'maj@{largest}':>9}{f'own@{largest}':>9}{f'pass@{largest}':>10}"]
    for one in sweep.cells:
        low, high = one.intervals["pass@1"]
        lines.append(
            f"{one.temperature:>5.2f}{one.length:>8}{one.entropy:>9.3f}{one.pass_at[0]:>8.3f}  "
            f"{f'{low:.3f} .. {high:.3f}':<14}{one.deviation:>7.3f}"
            f"{one.majority[-1]:>9.3f}{one.likeliest[-1]:>9.3f}{one.pass_at[-1]:>10.3f}"
        )
    notes = (
        "luck: standard deviation of pass@1 from one sample per problem; "
        "own: the likeliest of the samples, by the policy's own probability"
    )
    return "\n".join([*lines, notes])


def to_json(sweep: Sweep) -> dict[str, Any]:
    """JSON values; of_run reads them."""
    return dataclasses.asdict(sweep)
