"""How well a run's closed loops did what they were asked: reads metrics, judges by the same words everywhere."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

import numpy as np

from entropy_rl.lab.runs import Run

WITHIN = 0.05  # of the target, or of the initial entropy where the target moves
SHORT, LONG = 5, 20  # steps of the moving means that say when a loop has settled, and whether it holds


@dataclasses.dataclass(frozen=True)
class Actuator:
    """What a loop turned.

    Attributes:
      output: [n], as the loop's steps.
      saturated: share of the steps at its end with more asked.
    """

    name: str
    output: np.ndarray
    saturated: float


@dataclasses.dataclass(frozen=True)
class ClosedLoop:
    """One loop of a run; entropies in nats per token, errors as shares.

    Attributes:
      steps, entropy, target: [n], as read before each update.
      initial: entropy of the first step.
      error: mean of entropy over mean of target, less 1, over the last half.
      wandering: largest such error of a moving mean of 20 steps in the last half.
      off_track: largest difference of that moving mean and the target's in the whole run, of the initial entropy.
      settled: the first step at whose end a mean of 5 steps was within 5 % of the target and that of the 20 steps after
        it was too: passing through is not settling. None if it never did.
      saturated: share of the steps in which all actuators were at their ends and more was asked.
      out_of_reach: names of the actuators at their ends in most of the last 20 steps, if the loop as a whole was.
    """

    name: str
    steps: np.ndarray
    entropy: np.ndarray
    target: np.ndarray
    actuators: tuple[Actuator, ...]
    initial: float
    error: float
    wandering: float
    off_track: float
    settled: int | None
    saturated: float
    out_of_reach: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Within 5 % of the target over the last half."""
        return abs(self.error) <= WITHIN

    @property
    def follows(self) -> bool:
        """Within 5 % of the initial entropy throughout."""
        return self.off_track <= WITHIN


def of_run(run: Run) -> Mapping[str, ClosedLoop] | None:
    """Every loop of a run by its name; None for a run without loops, or with fewer than two steps."""
    names = sorted(match[1] for key in run.keys if (match := re.fullmatch(r"controller/([^/]+)/target", key)))
    found = {name: loop for name in names if (loop := _loop(run, name)) is not None}
    return found or None


def _loop(run: Run, name: str) -> ClosedLoop | None:
    prefix = f"controller/{name}"
    steps, entropy, target, saturated = run.table(*(f"{prefix}/{part}" for part in ("entropy", "target", "saturated")))
    if len(steps) < 2:
        return None
    pattern = re.compile(rf"{re.escape(prefix)}/([^/]+)/output")
    turned = sorted(match[1] for key in run.keys if (match := pattern.fullmatch(key)))
    outputs = {one: run.table(f"{prefix}/{one}/output", f"{prefix}/{one}/saturated")[1:] for one in turned}
    half, last = slice(len(steps) // 2, None), slice(-LONG, None)
    smooth = moving_mean(entropy, LONG), moving_mean(target, LONG)
    errors = moving_mean(entropy, SHORT) / moving_mean(target, SHORT) - 1.0
    after = smooth[0][SHORT:] / smooth[1][SHORT:] - 1.0  # of the 20 steps behind those 5
    inside = np.flatnonzero((np.abs(errors[: len(after)]) <= WITHIN) & (np.abs(after) <= WITHIN))
    in_half = [series[-max(len(steps) - len(steps) // 2 - LONG + 1, 1) :] for series in smooth]
    stuck = saturated[last].mean() > 0.5
    return ClosedLoop(
        name, steps, entropy, target,
        tuple(Actuator(one, output, float(at_end.mean())) for one, (output, at_end) in outputs.items()),
        initial=float(entropy[0]),
        error=float(entropy[half].mean() / target[half].mean() - 1.0),
        wandering=float(np.abs(in_half[0] / in_half[1] - 1.0).max()),
        off_track=float(np.abs(smooth[0] - smooth[1]).max() / entropy[0]),
        settled=int(steps[inside[0] + min(SHORT, len(steps)) - 1]) if len(inside) else None,
        saturated=float(saturated.mean()),
        out_of_reach=tuple(one for one, (_, at_end) in outputs.items() if stuck and at_end[last].mean() > 0.5),
    )  # fmt: skip


def moving_mean(values: np.ndarray, width: int) -> np.ndarray:
    """[n - width + 1] means of `width` neighbours; of all values where there are fewer."""
    width = min(width, len(values))
    return np.convolve(values, np.full(width, 1.0 / width), "valid")
