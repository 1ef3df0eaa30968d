"""Where a run was expected to end, from its first part, and where it went."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from entropy_rl.lab import forecast
from entropy_rl.lab.charts import GREY, Line
from entropy_rl.lab.figures import MOST_CHARTS, STEP, Figure, Section, Table, banded, figure, present
from entropy_rl.lab.forecast import Forecast, RunForecast
from entropy_rl.lab.outcomes import percent
from entropy_rl.lab.runs import Run
from entropy_rl.lab.scales import Axis
from entropy_rl.lab.seeds import Group, Series, band, mean

TEXT = (
    f"Dashed, with its 90 % interval: what the first {100 * forecast.EARLY:.0f} % of the planned steps led to expect, "
    f"or the first {forecast.LEAST_POINTS} recorded ones where these are more. Solid: what came, smoothed. Dotted: the "
    "ceiling that all steps so far point to."
)
NOTE = (
    "Intervals: 90\u202f%; of several seeds, means. Expected at the end: from the steps up to the one named "
    "first, and, while some are left, from all so far. Inside: share of the later steps whose smoothed value lies in "
    "the early interval. Errors: root mean square, in points, of the early forecast over all later steps. Rewards "
    "whose range was named are in their own unit, and so are their errors."
)


def section(groups: Sequence[Group]) -> Section:
    kept = [(index, group, found) for index, group in enumerate(groups) if (found := group.each(of_run))]
    charts = present(_chart(*each) for each in kept)
    return Section(
        "Forecast", TEXT if charts else "", charts, [_table([each[1:] for each in kept])] if kept else [],
        folded=len(kept) > MOST_CHARTS, notices=_notices([run for group in groups for run in group.runs]),
    )  # fmt: skip


def _notices(runs: Sequence[Run]) -> list[str]:
    """Of which runs there is no forecast, and why; and of which it ends where they do."""
    said = [f"No forecast: {why}." for why in forecast.absences(runs)]
    foreign = [run for run in runs if run.foreign and not math.isfinite(run.planned)]
    blind = [run.name for run in foreign if not forecast.absence(run)]
    if blind:
        ends = "how many steps are planned is not known, so that the forecast ends with the last one recorded"
        said.append(f"{', '.join(blind)}: {ends}; --steps=N tells it.")
    return said


def of_run(run: Run) -> RunForecast | None:
    """The forecast of a run, unless its figures allow none."""
    try:
        return forecast.of_run(run)
    except ValueError:
        return None


def _chart(index: int, group: Group, found: Sequence[RunForecast]) -> Figure | None:
    truth = band([(one.steps, one.rewards) for one in found])
    made_at = float(np.mean([one.early.made_at for one in found]))
    expected, low, high = (_mean([_later(one.early, name) for one in found]) for name in ("rewards", "low", "high"))
    ceiling = mean([one.now.ceiling for one in found])
    ends = np.array([made_at, float(expected[0].max(initial=made_at))])
    lines = [
        Line(index, np.array([made_at]), np.zeros(1), style="upright", colour=GREY, notes=("made here",)),
        Line(index, *expected, "expected", "expected", "dashed", GREY, low=low[1], high=high[1]),
        Line(index, ends, np.full(2, ceiling), "ceiling", "ceiling", "dotted"),
        banded(index, truth, label="came", hover="came"),
    ]
    axis = Axis("right answers in training", percent=True, low=0.0) if _in_percent(found) else Axis("training reward")
    return figure(f"Expected and come: {group.name}", "", STEP, axis, lines)


def _later(one: Forecast, name: str) -> Series:
    """From the step on at which it was made."""
    ahead = one.steps >= one.made_at
    return one.steps[ahead], getattr(one, name)[ahead]


def _mean(series: Sequence[Series]) -> Series:
    whole = band(series)
    return whole.x, whole.y


def _table(kept: Sequence[tuple[Group, Sequence[RunForecast]]]) -> Table:
    rows = []
    for group, found in kept:
        in_percent = _in_percent(found)
        final = _interval([one.early.final for one in found], in_percent)
        left = any(one.now.steps[-1] > one.now.made_at for one in found)
        final_now = _interval([one.now.final for one in found], in_percent) if left else "—"
        came = mean([one.rewards[-1] for one in found])
        ended = percent(came) if in_percent else f"{came:.3g}"
        ceiling = _interval([(one.now.ceiling, *one.now.ceiling_interval) for one in found], in_percent)
        spent = percent(mean([one.now.spent for one in found]), 0)
        rows.append([group.name, _made_at(found), final, ended, final_now, ceiling, spent, *_scores(found)])
    header = [
        "run",
        "made at",
        "expected at the end",
        "came so far",
        "expected now",
        "ceiling now",
        "entropy spent",
        "inside",
        "error",
        "best rival",
    ]
    return Table(header, rows, NOTE)


def _made_at(found: Sequence[RunForecast]) -> str:
    """Up to where the early forecasts saw, and how much of the run that is."""
    seen, last = mean([one.early.made_at for one in found]), mean([one.now.steps[-1] for one in found])
    return f"step {seen:.0f} of {last:.0f}" + (f" ({percent(seen / last, 0)})" if last > 0 else "")


def _in_percent(found: Sequence[RunForecast]) -> bool:
    """Whether all are shares; otherwise a range was named, whose unit is nobody's but the user's."""
    return all(one.bounds == (0.0, 1.0) for one in found)


def _interval(figures: Sequence[tuple[float, float, float]], in_percent: bool) -> str:
    value, low, high = np.mean(figures, axis=0)
    if not in_percent:
        return f"{value:.3g} [{low:.3g}, {high:.3g}]"
    return f"{percent(value)} [{100 * low:.1f}, {100 * high:.1f}]"


def _scores(found: Sequence[RunForecast]) -> list[str]:
    """How the early forecasts did against the rest of the runs, and the best of those they compete with."""
    scores = [one.score for one in found if one.score is not None]
    if not scores:
        return ["—"] * 3
    errors = {name: mean([score.errors.get(name) for score in scores]) for name in scores[0].errors}
    ours = errors.pop("forecast")
    rivals = {name: error for name, error in errors.items() if "alone" not in name and math.isfinite(error)}
    best = min(rivals, key=rivals.__getitem__)
    inside = percent(mean([score.coverage for score in scores]), 0)
    shown = (lambda error: f"{100 * error:.1f}") if _in_percent(found) else (lambda error: f"{error:.3g}")
    return [inside, shown(ours), f"{best}: {shown(rivals[best])}"]
