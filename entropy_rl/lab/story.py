"""What a report says first: who leads, and what each setting solves, what it lost and what entropy it has left."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

from entropy_rl.lab import provenance
from entropy_rl.lab.outcomes import Outcome, columns, entropy_left, figure_text, of_group, percent
from entropy_rl.lab.seeds import Group
from entropy_rl.lab.text import visible

# Shares of the first entropy: at or below the one a run counts as collapsed, below the other as running low.
EXHAUSTED, LOW = 0.1, 0.3
SAME = 0.02  # shares that differ by less are told as one


@dataclasses.dataclass(frozen=True)
class Tile:
    """The figures of one setting that are seen first.

    Attributes:
      figures: name, value and what it was before training, as text.
      left: share of the entropy that is left, 0 to 1; nan without entropies.
      remarks: sentences on what should not be overlooked.
    """

    name: str
    seeds: str
    source: str
    figures: tuple[tuple[str, str, str], ...]
    left: float
    entropy: str
    remarks: str


def tile(group: Group) -> Tile:
    """pass@1, pass@k for the largest k, and the entropy that is left."""
    result = of_group(group)
    passes = [key for key in columns([result]) if key.startswith("pass@")]
    figures = tuple((key, figure_text(key, result.value(key)), _before(result, key)) for key in _ends(passes))
    first, last, left = entropy_left(group.runs)
    shown = f"{first:.2f} → {_nats(last)} nats" if math.isfinite(left) else ""
    source = f"{group.seeds}, " if group.seeds else ""
    source += result.source or "no evaluation recorded"
    remarks = [_failures(group), *_doubts(result), _state(left), _alarms(group)]
    return Tile(group.name, group.seeds, source, figures, left, shown, " ".join(x for x in remarks if x))


def headline(groups: Sequence[Group]) -> str:
    """Who leads, over several settings, and from whom the leader cannot be told apart; of one, its verdict."""
    if len(groups) == 1:
        return verdict(groups[0])
    outcomes = [dataclasses.replace(of_group(group), name=group.short) for group in groups]
    passes = [key for key in columns(outcomes) if key.startswith("pass@")]
    if len({result.source.split()[0] for result in outcomes if result.source}) > 1:
        passes = []  # test figures are never ranked against validation figures
    sentences = [_leader(outcomes, key) for key in _ends(passes)]
    left = {group.short: share for group in groups if math.isfinite(share := entropy_left(group.runs)[2])}
    if len(left) > 1:
        sentences.append(_most_left(left))
    return " ".join(sentence for sentence in sentences if sentence)


def verdict(group: Group) -> str:
    """Two or three plain sentences: what it can do now, what it could do before, what entropy it has left."""
    sentences = [_failures(group), _skill(of_group(group)), entropy_sentence(group), _alarms(group)]
    return " ".join(sentence for sentence in sentences if sentence)


def entropy_sentence(group: Group) -> str:
    """How much of the entropy is left, in words; "" without entropies."""
    first, last, left = entropy_left(group.runs)
    if not math.isfinite(left):
        return ""
    if left >= 0.98:
        return f"Entropy {'held steady at' if left < 1.05 else f'rose from {first:.2f} to'} {last:.2f} nats per token."
    state = "collapsed" if left <= EXHAUSTED else "is running low" if left < LOW else "is still there"
    return f"Entropy {state}: {percent(left, 0)} left ({first:.2f} to {_nats(last)} nats per token)."


def _most_left(left: Mapping[str, float]) -> str:
    """Who kept most of its entropy, unless all kept about the same."""
    name, most, least = max(left, key=left.__getitem__), max(left.values()), min(left.values())
    if most - least < SAME:
        return f"Entropy left: about {percent(most, 0)} of what they began with."
    return f"Most entropy left: {name}, {percent(most, 0)} of what it began with (least: {percent(least, 0)})."


def _state(left: float) -> str:
    return "Entropy collapsed." if left <= EXHAUSTED else "Entropy is running low." if left < LOW else ""


def _nats(value: float) -> str:
    return f"{value:.2f}" if value >= 0.01 else f"{value:.1g}"


def _ends(keys: Sequence[str]) -> list[str]:
    return list(dict.fromkeys((*keys[:1], *keys[-1:])))


def _before(result: Outcome, key: str) -> str:
    before = result.base_value(key)
    return f"{figure_text(key, before)} before" if math.isfinite(before) else ""


def _leader(outcomes: Sequence[Outcome], key: str) -> str:
    known = [result for result in outcomes if math.isfinite(result.value(key))]
    if len(known) < 2:
        return ""
    best = max(known, key=lambda result: result.value(key))
    low = best.interval(key)[0]
    rivals = [r.name for r in known if r is not best and _high(r, key) >= (low if low == low else math.inf)]
    named = ", ".join(rivals) if len(rivals) < 4 else f"{len(rivals)} others"
    doubt = f" (intervals overlap with {named})" if rivals else ""
    return f"Highest {key}: {best.name}, {percent(best.value(key))}{doubt}."


def _high(result: Outcome, key: str) -> float:
    """The upper end of the interval, or the value where it has none."""
    high = result.interval(key)[1]
    return high if math.isfinite(high) else result.value(key)


def _words(key: str) -> str:
    return "at the first try" if key == "pass@1" else f"within {key.removeprefix('pass@')} tries"


def _doubts(result: Outcome) -> list[str]:
    keys = _ends([key for key in columns([result]) if key.startswith("pass@")])
    said = {"": "No clear change", "down": "Worse than before"}
    return [f"{said[change]} {_words(key)}." for key in keys if (change := result.change(key)) in said]


def _skill(result: Outcome) -> str:
    if not math.isfinite(result.value("pass@1")):
        return "No evaluation recorded."
    where = "test problems" if result.source == "test" else f"validation problems (step {result.source.split()[-1]})"
    parts = []
    for key in _ends([key for key in columns([result]) if key.startswith("pass@")]):
        before = result.base_value(key)
        once = " before training" if key == "pass@1" else " before"
        known = f" ({percent(before)}{once})" if math.isfinite(before) else ""
        parts.append(f"{percent(result.value(key))} {_words(key)}{known}")
    first = parts[0].replace("%", f"% of {where}", 1)
    return " ".join([f"Solves {', '.join([first, *parts[1:]])}.", *_doubts(result)])


def _failures(group: Group) -> str:
    """That runs came to a bad end, and why."""
    found = [visible(why, 200) for run in group.runs if (why := provenance.failure(run))]
    if not found:
        return ""
    came = f"{len(found)} of {len(group.runs)} runs came" if len(group.runs) > 1 else "Came"
    return f"{came} to a bad end: {'; '.join(dict.fromkeys(found))}."


def _alarms(group: Group) -> str:
    raised = [run.summary.get("alarms") for run in group.runs]
    count = sum(len(alarms) for alarms in raised if isinstance(alarms, Sequence) and not isinstance(alarms, str))
    return f"{count} alarm{'s' if count > 1 else ''}, listed below." if count else ""
