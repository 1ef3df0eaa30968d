"""What a report says in words and tables: a verdict per run, the final figures beside those of the base, the fits."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from entropy_rl.lab import budget, figures, law
from entropy_rl.lab.runs import Run, number

# Shares of the first entropy: at or below the one a run counts as collapsed, below the other as running low.
EXHAUSTED, LOW = 0.1, 0.3


@dataclasses.dataclass(frozen=True)
class Outcome:
    """The last figures of a run: of the test set, or, while the run has none, of its last validation."""

    run: Run
    source: str  # "test", "validation at step 80" or ""
    final: Mapping[str, Any]
    base: Mapping[str, Any]

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
        return Outcome(run, "test", run.summary["test"], base if isinstance(base, Mapping) else {})
    prefix = "validation/"
    evaluated = [r for r in run.records if any(k.startswith(prefix) and math.isfinite(number(r[k])) for k in r)]
    tables = [{k.removeprefix(prefix): v for k, v in r.items() if k.startswith(prefix)} for r in evaluated]
    if not tables:
        return Outcome(run, "", {}, {})
    step = int(evaluated[-1]["step"])
    first = tables[0] if evaluated[0]["step"] == 0 and step > 0 else {}
    return Outcome(run, f"validation at step {step}", tables[-1], first)


def columns(outcomes: Sequence[Outcome]) -> list[str]:
    """The figures that at least one run has: pass@k and maj@k in order of k, then entropy."""
    keys = {key for o in outcomes for key in (*o.final, *o.base) if re.fullmatch(r"(pass|maj|avg)@\d+", key)}
    rank = {"pass": 0, "avg": 1, "maj": 2}
    ordered = sorted(keys, key=lambda key: (rank[key.split("@")[0]], int(key.split("@")[1])))
    return ordered + (["entropy"] if any("entropy" in o.final or "entropy" in o.base for o in outcomes) else [])


def percent(value: float) -> str:
    return f"{100 * value:.1f}\u202f%" if math.isfinite(value) else "—"


def figure_text(key: str, value: float) -> str:
    """A figure of merit in its unit: nats for entropy, percent for shares."""
    return (f"{value:.3f} nats" if math.isfinite(value) else "—") if key == "entropy" else percent(value)


def interval_text(key: str, interval: tuple[float, float]) -> str:
    low, high = interval
    if not math.isfinite(low + high):
        return ""
    return f"{low:.3f}–{high:.3f}" if key == "entropy" else f"{100 * low:.1f}–{100 * high:.1f}"


def headline(runs: Sequence[Run]) -> str:
    """Who leads, over several runs, and from whom the leader cannot be told apart; "" for one run."""
    outcomes = [outcome(run) for run in runs]
    passes = [key for key in columns(outcomes) if key.startswith("pass@")]
    if len(runs) < 2 or len({result.source.split()[0] for result in outcomes if result.source}) > 1:
        return ""  # nothing to compare, or test figures against validation figures
    sentences = [_leader(outcomes, key) for key in dict.fromkeys((*passes[:1], *passes[-1:]))]
    left = {run.name: share for run in runs if math.isfinite(share := entropy_left(run)[2])}
    if len(left) > 1:
        name = max(left, key=left.__getitem__)
        sentences.append(f"Most entropy left: {name}, {_whole(left[name])} of what it began with.")
    return " ".join(sentence for sentence in sentences if sentence)


def verdict(run: Run) -> str:
    """Two or three plain sentences: what the run can do now, what it could do before, what entropy it has left."""
    result = outcome(run)
    sentences = [_skill(result), entropy_sentence(run)]
    alarms = run.summary.get("alarms")
    if isinstance(alarms, Sequence) and alarms:
        sentences.append(f"{len(alarms)} alarm{'s' if len(alarms) > 1 else ''}, listed below.")
    return " ".join(sentence for sentence in sentences if sentence)


def _leader(outcomes: Sequence[Outcome], key: str) -> str:
    known = [result for result in outcomes if math.isfinite(result.value(key))]
    if len(known) < 2:
        return ""
    best = max(known, key=lambda result: result.value(key))
    low = best.interval(key)[0]
    rivals = [r.run.name for r in known if r is not best and r.interval(key)[1] >= low]  # False where nan
    doubt = f" (intervals overlap with {', '.join(rivals)})" if rivals else ""
    return f"Highest {key}: {best.run.name}, {percent(best.value(key))}{doubt}."


def _skill(result: Outcome) -> str:
    if not math.isfinite(result.value("pass@1")):
        return "No evaluation yet."
    where = "test problems" if result.source == "test" else f"validation problems (step {result.source.split()[-1]})"
    ks = [int(key.removeprefix("pass@")) for key in columns([result]) if key.startswith("pass@")]
    keys = {f"pass@{max(ks)}": f"within {max(ks)} tries"} if max(ks) > 1 else {}
    keys = {"pass@1": "at the first try"} | keys
    parts, doubts = [], []
    for key, words in keys.items():
        before = percent(result.base_value(key))
        once = " before training" if key == "pass@1" else " before"
        known = math.isfinite(result.base_value(key))
        parts.append(f"{percent(result.value(key))} {words}" + (f" ({before}{once})" if known else ""))
        change = result.change(key)
        if change in ("", "down"):
            doubts.append(f"{'No clear change' if not change else 'Worse than before'} {words}.")
    return " ".join(
        [f"Solves {parts[0].replace('%', f'% of {where}', 1)}{''.join(f', {p}' for p in parts[1:])}.", *doubts]
    )


def entropy_left(run: Run) -> tuple[float, float, float]:
    """First and last smoothed entropy [nats per token], and the share of the first that is left; nan without them."""
    _, entropies = run.series(figures.ENTROPY)
    if len(entropies) < 2:
        return math.nan, math.nan, math.nan
    values = law.smooth(entropies)
    first, last = float(values[0]), float(values[-1])
    return first, last, last / first if first > 0 else math.nan


def entropy_sentence(run: Run) -> str:
    """How much of the entropy is left, in words; "" without entropies."""
    first, last, left = entropy_left(run)
    if not math.isfinite(left):
        return ""
    if left >= 0.98:
        return f"Entropy {'held steady at' if left < 1.05 else f'rose from {first:.2f} to'} {last:.2f} nats per token."
    state = "collapsed" if left <= EXHAUSTED else "is running low" if left < LOW else "is still there"
    shown = f"{last:.2f}" if last >= 0.01 else f"{last:.1g}"
    return f"Entropy {state}: {_whole(left)} left ({first:.2f} to {shown} nats per token)."


def law_rows(runs: Sequence[Run]) -> list[list[str]]:
    """Header and rows of the table of fits."""
    rows = [["run", "ceiling b − a", "R² of the law", "R² of the line", "reading", "a", "b"]]
    for run in runs:
        fit = figures.fitted(run)
        if fit is None:
            rows.append([run.name, *["—"] * 3, "too few steps, or too little change in entropy, to fit", "—", "—"])
            continue
        if not math.isfinite(fit.r2):
            reading = "the reward never changed"
        elif max(fit.r2, fit.linear_r2) < 0.8:
            reading = "neither form describes this run"
        elif abs(fit.r2 - fit.linear_r2) < 0.005:
            reading = "the two forms cannot be told apart"
        else:
            reading = "the law fits better" if fit.r2 > fit.linear_r2 else "the straight line fits better"
        numbers = [(fit.ceiling, fit.ceiling_interval), (fit.a, fit.a_interval), (fit.b, fit.b_interval)]
        ceiling, a, b = [f"{value:.3f} [{low:.3f}, {high:.3f}]" for value, (low, high) in numbers]
        rows.append([run.name, ceiling, f"{fit.r2:.3f}", f"{fit.linear_r2:.3f}", reading, a, b])
    return rows


def budget_rows(runs: Sequence[Run]) -> list[list[str]]:
    """Header and rows of the table of entropy spent and gain made."""
    marks = dict(zip(budget.FRACTIONS, ("1/12", "1/4", "1/3", "1/2"), strict=True))
    rows = [["run", *(f"at {mark}: spent / gained" for mark in marks.values())]]
    for run in runs:
        steps, entropies, rewards = run.table(figures.ENTROPY, figures.REWARD)
        spendings = budget.budget(steps, entropies, rewards)
        cells = [f"{_whole(s.spent)} / {_whole(s.gained)}" for s in spendings]
        rows.append([run.name, *(cells or ["—"] * len(marks))])
    return rows


def _whole(share: float) -> str:
    return f"{100 * share:.0f}\u202f%" if np.isfinite(share) else "—"


def _interval(values: Mapping[str, Any], key: str) -> tuple[float, float]:
    pair = values.get(f"{key}/interval")
    if isinstance(pair, Sequence) and not isinstance(pair, str) and len(pair) == 2:
        return number(pair[0]), number(pair[1])
    return float("nan"), float("nan")
