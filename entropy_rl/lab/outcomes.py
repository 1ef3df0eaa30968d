"""The last figures of a run, or of the seeds of a setting, with intervals, beside those of the base."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

from entropy_rl.lab import law
from entropy_rl.lab.law import ENTROPY
from entropy_rl.lab.runs import Run, number
from entropy_rl.lab.seeds import Group, mean

LEVEL = 0.95


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The last figures: of the test set, or, while there are none, of the last validation.

    Attributes:
      source: "test", "validation at step 80" or "".
      final, base: figures by name; "pass@1/interval" holds the two ends of an interval.
      seeds: runs that the figures are means of.
    """

    name: str
    source: str
    final: Mapping[str, Any]
    base: Mapping[str, Any]
    seeds: int = 1

    def value(self, key: str) -> float:
        return number(self.final.get(key))

    def base_value(self, key: str) -> float:
        return number(self.base.get(key))

    def interval(self, key: str) -> tuple[float, float]:
        return _interval(self.final, key)

    def change(self, key: str) -> str:
        """ "up", "down", "" where the intervals of base and final overlap, or "unknown"."""
        value, base = self.value(key), self.base_value(key)
        if not math.isfinite(value - base):
            return "unknown"
        low, high = self.interval(key)
        base_low, base_high = _interval(self.base, key)
        low, high = (low, high) if math.isfinite(low + high) else (value, value)
        base_low, base_high = (base_low, base_high) if math.isfinite(base_low + base_high) else (base, base)
        return "up" if low > base_high else "down" if high < base_low else ""


def outcome(run: Run) -> Outcome:
    """The test figures if the run has them; otherwise those of its validations."""
    if isinstance(run.summary.get("test"), Mapping) and run.summary["test"]:
        base = run.summary.get("base")
        return Outcome(run.name, "test", run.summary["test"], base if isinstance(base, Mapping) else {})
    prefix = "validation/"
    evaluated = [r for r in run.records if any(k.startswith(prefix) and math.isfinite(number(r[k])) for k in r)]
    tables = [{k.removeprefix(prefix): v for k, v in r.items() if k.startswith(prefix)} for r in evaluated]
    if not tables:
        return Outcome(run.name, "", {}, {})
    step = int(evaluated[-1]["step"])
    first = tables[0] if evaluated[0]["step"] == 0 and step > 0 else {}
    return Outcome(run.name, f"validation at step {step}", tables[-1], first)


def of_group(group: Group) -> Outcome:
    """Of a single run its outcome; of several seeds the means, with intervals that cover the spread between seeds.

    Two seeds do not tell their spread: then an interval reaches over those of both, which are over problems.
    Seeds that are tested count and the others do not; while none is, those that were validated last count.
    """
    known = [outcome(run) for run in group.runs]
    if len(known) == 1:
        return dataclasses.replace(known[0], name=group.name)
    sources = [result.source for result in known]
    source = "test" if "test" in sources else max(sources, key=lambda text: int("0" + re.sub(r"\D", "", text)))
    known = [result for result in known if result.source == source]
    if len(known) == 1:
        return dataclasses.replace(known[0], name=group.name)
    final = _means([result.final for result in known], with_intervals=True)
    base = _means([result.base for result in known], with_intervals=False)
    return Outcome(group.name, source, final, base, len(known))


def columns(outcomes: Sequence[Outcome]) -> list[str]:
    """The figures that at least one of them has: pass@k and maj@k in order of k, then entropy."""
    keys = {key for o in outcomes for key in (*o.final, *o.base) if re.fullmatch(r"(pass|maj|avg)@\d+", key)}
    rank = {"pass": 0, "avg": 1, "maj": 2}
    ordered = sorted(keys, key=lambda key: (rank[key.split("@")[0]], int(key.split("@")[1])))
    return ordered + (["entropy"] if any("entropy" in o.final or "entropy" in o.base for o in outcomes) else [])


def entropy_left(runs: Sequence[Run]) -> tuple[float, float, float]:
    """First and last smoothed entropy [nats per token], and the share of the first that is left: means over runs."""
    ends = [_ends(run) for run in runs]
    ends = [pair for pair in ends if math.isfinite(pair[0])]
    if not ends:
        return math.nan, math.nan, math.nan
    first, last = (float(value) for value in np.mean(ends, axis=0))
    return first, last, last / first if first > 0 else math.nan


def percent(value: float, digits: int = 1) -> str:
    return f"{100 * value:.{digits}f}\u202f%" if math.isfinite(value) else "—"


def figure_text(key: str, value: float) -> str:
    """A figure of merit in its unit: nats for entropy, percent for shares."""
    return (f"{value:.3f} nats" if math.isfinite(value) else "—") if key == "entropy" else percent(value)


def interval_text(key: str, interval: tuple[float, float]) -> str:
    low, high = interval
    if not math.isfinite(low + high):
        return ""
    return f"{low:.3f}–{high:.3f}" if key == "entropy" else f"{100 * low:.1f}–{100 * high:.1f}"


def _ends(run: Run) -> tuple[float, float]:
    _, entropies = run.series(ENTROPY)
    if len(entropies) < 2:
        return math.nan, math.nan
    values = law.smooth(entropies)
    return float(values[0]), float(values[-1])


def _means(tables: Sequence[Mapping[str, Any]], with_intervals: bool) -> dict[str, Any]:
    keys = [key for key in dict.fromkeys(key for table in tables for key in table) if not key.endswith("/interval")]
    found: dict[str, Any] = {}
    for key in keys:
        values = np.array([number(table.get(key)) for table in tables])
        values = values[np.isfinite(values)]
        found[key] = mean(values.tolist())
        if with_intervals and len(values) > 2:
            found[f"{key}/interval"] = _seed_interval(values, share="@" in key)
        elif with_intervals and len(values) > 1:
            ends = np.array([_interval(table, key) for table in tables])
            found[f"{key}/interval"] = [float(ends[:, 0].min()), float(ends[:, 1].max())]
    return found


def _seed_interval(values: np.ndarray, share: bool) -> list[float]:
    """Student's interval of the mean over seeds; that of a share ends at 0 and 1."""
    half = float(stats.t.ppf((1 + LEVEL) / 2, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5)
    ends = [float(values.mean()) - half, float(values.mean()) + half]
    return [max(ends[0], 0.0), min(ends[1], 1.0)] if share else [max(ends[0], 0.0), ends[1]]


def _interval(values: Mapping[str, Any], key: str) -> tuple[float, float]:
    pair = values.get(f"{key}/interval")
    if isinstance(pair, Sequence) and not isinstance(pair, str) and len(pair) == 2:
        return number(pair[0]), number(pair[1])
    return float("nan"), float("nan")
