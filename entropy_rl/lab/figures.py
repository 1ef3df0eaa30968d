"""The charts of a report: what the entropy did, what it bought, and which tokens a method chose."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence

import numpy as np

from entropy_rl.lab import budget, law
from entropy_rl.lab.charts import COLOURS, Axis, Chart, Line, draw
from entropy_rl.lab.runs import Run

STEP = Axis("RL step")
SHARE = Axis("share", percent=True, low=0.0, high=1.0)
MARKS = ((1 / 12, "1/12"), (1 / 4, "1/4"), (1 / 2, "1/2"))
QUANTILES = ("50", "80", "98", "99.8", "99.98")
QUANTILE_COLOURS = ("#9ecae1", "#6baed6", "#3182bd", "#08519c", "#06264f")  # one hue, darker towards the tail
REWARD, ENTROPY = "reward/mean", "entropy/token_mean"


@dataclasses.dataclass(frozen=True)
class Figure:
    title: str
    caption: str
    chart: Chart


@dataclasses.dataclass(frozen=True)
class Section:
    """Figures that answer one question; without figures, a section says why instead."""

    title: str
    text: str
    figures: Sequence[Figure]
    folded: bool = False
    table: str = ""  # which table stands below the figures: "laws" or "budgets"


COVARIANCE_FLOOR = 1e-5  # nats * advantage: smaller values are rounding, and would take most of a logarithmic axis


def sections(runs: Sequence[Run]) -> list[Section]:
    """All sections, in the order of the page; one without any data is left out."""
    found = [
        Section("Entropy and reward", "", _present([_entropy(runs), _reward(runs), *_passes(runs)])),
        Section("What entropy buys", LAW_TEXT, _present([law_figure(runs)]), table="laws"),
        Section(
            "The entropy budget",
            BUDGET_TEXT,
            _present(budget_figure(run, i) for i, run in enumerate(runs)),
            table="budgets",
        ),
        Section(
            "Where the covariance lies",
            COVARIANCE_TEXT,
            covariance_figures(runs),
        ),
        Section("Which tokens were selected", SELECTION_TEXT, selection_figures(runs)),
        Section("Health of the runs", "", health_figures(runs), folded=True),
    ]
    return [section for section in found if section.figures]


LAW_TEXT = (
    "Each point is a step (both axes smoothed over 7 steps); a run moves to the left as its entropy is spent. "
    "Solid: R = −a·exp(H) + b. Dashed: a straight line. Large dot at H = 0: the ceiling b − a, the reward "
    "that the law expects once no entropy is left."
)
BUDGET_TEXT = (
    "Share of the run's own total. Above the diagonal, gain came faster than entropy went. "
    "Marked: 1/12, 1/4 and 1/2 of the run."
)
COVARIANCE_TEXT = (
    "Quantiles over tokens of the covariance of log-probability and advantage; the mean is dashed. "
    "Where the upper lines stand decades above the middle, a few tokens drive the fall of entropy. Values below 1e-5 "
    "are left out: they are rounding, or have no place on a logarithmic axis."
)
SELECTION_TEXT = (
    "Of the tokens a method acted on: solid, the share whose advantage is positive; dashed, the mean probability "
    "that the policy gave them. High on both: it restrains tokens that are likely already."
)


def law_figure(runs: Sequence[Run]) -> Figure | None:
    """Reward against entropy, with both fits and the ceiling of each run that has enough of them."""
    lines = []
    for index, run in enumerate(runs):
        entropies, rewards = smoothed(run)
        lines.append(Line(index, entropies, rewards, hover=run.name, style="dots"))
        fit = fitted(run)
        if fit is None:
            continue
        grid = np.linspace(0.0, entropies.max(), 60)
        lines.append(Line(index, grid, fit(grid), label=run.short))
        lines.append(Line(index, grid, fit.line(grid), style="dashed"))
        lines.append(Line(index, np.zeros(1), np.array([fit.ceiling]), hover=f"{run.name}, ceiling", style="marker"))
    axes = Axis("token entropy H [nats]", low=0.0), Axis("training reward R")
    return _figure("Reward against entropy", "", *axes, lines, height=330, nearest="xy")


def fitted(run: Run) -> law.Law | None:
    """The law of a run, or None where too few steps, or too little change, fix one."""
    try:
        return law.fit_law(*smoothed(run))
    except ValueError:
        return None


def smoothed(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """Smoothed entropies and rewards at the steps that have both: two [n]."""
    _, entropies, rewards = run.table(ENTROPY, REWARD)
    return law.smooth(entropies), law.smooth(rewards)


def budget_figure(run: Run, index: int) -> Figure | None:
    """Entropy spent against gain made, with the marks on the way."""
    steps, entropies, rewards = run.table(ENTROPY, REWARD)
    spent, gained = budget.shares(entropies, rewards)
    marks = budget.budget(steps, entropies, rewards, [fraction for fraction, _ in MARKS])
    if not (np.isfinite(spent).any() and np.isfinite(gained).any()):
        return None
    xs, ys = (np.array([getattr(mark, name) for mark in marks]) for name in ("spent", "gained"))
    diagonal = np.array([0.0, 1.0])
    lines = [
        Line(index, diagonal, diagonal, style="dashed", colour="#9a9a9a"),
        Line(index, spent, gained, hover=run.name),
        Line(index, xs, ys, style="marker", notes=tuple(name for _, name in MARKS)),
    ]
    # The axes end at 100 % or at the data, not at the next round number: noise often goes a little beyond 100 %.
    lows, highs = zip(*((min(0.0, np.nanmin(s)), max(1.0, np.nanmax(s))) for s in (spent, gained)), strict=True)
    x_axis, y_axis = (
        Axis(label, percent=True, low=low, high=high)
        for label, low, high in zip(("entropy spent", "gain made"), lows, highs, strict=True)
    )
    return _figure(f"Spent and gained: {run.name}", "", x_axis, y_axis, lines, nearest="xy")


def _above(points: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    kept = points[1] > COVARIANCE_FLOOR
    return points[0][kept], points[1][kept]


def covariance_figures(runs: Sequence[Run]) -> list[Figure]:
    """Quantiles of the covariance, a chart per run, all with the same logarithmic axis."""
    series = [[run.series(f"covariance/{key}") for key in (*(f"q{q}" for q in QUANTILES), "mean")] for run in runs]
    values = np.concatenate([y for of_run in series for _, y in of_run] or [np.zeros(0)])
    shown = values[values > COVARIANCE_FLOOR]
    if not shown.size:
        return []
    axis = Axis("covariance [nats × advantage]", log=True, low=shown.min(), high=shown.max())
    labels = (*(f"{q} %" for q in QUANTILES), "mean")
    figures = []
    for index, (run, of_run) in enumerate(zip(runs, series, strict=True)):
        lines = [
            Line(index, *_above(points), label=label, colour=colour, style="dashed" if label == "mean" else "line")
            for points, label, colour in zip(of_run, labels, (*QUANTILE_COLOURS, COLOURS[1]), strict=True)
            if (points[1] > COVARIANCE_FLOOR).any()
        ]
        figures.append(_figure(f"Covariance: {run.name}", "", STEP, axis, lines))
    return _present(figures)


def selection_figures(runs: Sequence[Run]) -> list[Figure]:
    """One figure per method that selects tokens: the sign of their advantage and their probability."""
    pattern = re.compile(r"select/(.+)/positive_advantage$")
    methods = sorted({match[1] for run in runs for key in run.keys if (match := pattern.match(key))})
    figures = []
    for method in methods:
        lines, fractions = [], []
        for index, run in enumerate(runs):
            positive, probability = (
                run.series(f"select/{method}/{x}") for x in ("positive_advantage", "mean_probability")
            )
            lines.append(_smooth(index, positive, label=run.short, hover=f"{run.name}, positive advantage"))
            lines.append(_smooth(index, probability, hover=f"{run.name}, probability", style="dashed"))
            _, fraction = run.series(f"select/{method}/fraction")
            if fraction.size:
                fractions.append(f"{run.name}: {100 * fraction.mean():.3g} % of tokens")
        figures.append(_figure(method, "; ".join(fractions), STEP, SHARE, lines))
    return _present(figures)


def health_figures(runs: Sequence[Run]) -> list[Figure]:
    """What one looks at when a run looks wrong."""
    wanted = (
        ("Response length", "response/length_mean", Axis("tokens", low=0.0)),
        ("Responses cut off", "response/truncated", Axis("share of responses", percent=True, low=0.0)),
        ("Groups without signal", "reward/zero_variance_groups", Axis("share of groups", percent=True, low=0.0)),
        ("Clipped upwards", "clip/high_positive", Axis("share of tokens", percent=True, low=0.0)),
        ("Clipped downwards", "clip/low_negative", Axis("share of tokens", percent=True, low=0.0)),
        ("Largest |log ratio|", "update/log_ratio_abs_max", Axis("nats", log=True)),
        ("Gradient norm", "update/gradient_norm", Axis("norm before clipping", log=True)),
        ("Time per step", "time/step", Axis("seconds", low=0.0)),
    )
    # Each step's own value too: a single spike is what one looks for here, and a moving mean hides it.
    return _present(_over_steps(runs, title, key, axis, raw=True) for title, key, axis in wanted)


def _entropy(runs: Sequence[Run]) -> Figure | None:
    return _over_steps(runs, "Policy entropy", ENTROPY, Axis("nats per token", low=0.0), raw=True)


def _reward(runs: Sequence[Run]) -> Figure | None:
    return _over_steps(runs, "Training reward", REWARD, Axis("mean reward"), raw=True)


def _passes(runs: Sequence[Run]) -> list[Figure | None]:
    """pass@1, and pass@k for the largest k that was evaluated."""
    found = (re.fullmatch(r"validation/pass@(\d+)", key) for run in runs for key in run.keys)
    ks = {int(match[1]) for match in found if match}
    axis = Axis("validation problems solved", percent=True)
    kept = sorted({min(ks), max(ks)}) if ks else []
    return [_over_steps(runs, f"pass@{k}", f"validation/pass@{k}", axis, smooth=False) for k in kept]


def _over_steps(
    runs: Sequence[Run], title: str, key: str, axis: Axis, raw: bool = False, smooth: bool = True
) -> Figure | None:
    lines = []
    for index, run in enumerate(runs):
        series = run.series(key)
        if raw:
            lines.append(Line(index, *series, style="faint"))
        lines.append(_smooth(index, series, label=run.short) if smooth else Line(index, *series, label=run.short))
    caption = "Moving mean of 7 steps" + (" over the faint values of each step." if raw else ".") if smooth else ""
    return _figure(title, caption, STEP, axis, lines)


def _smooth(
    index: int, series: tuple[np.ndarray, np.ndarray], label: str = "", hover: str = "", style: str = "line"
) -> Line:
    steps, values = series
    return Line(index, steps, law.smooth(values), label=label, hover=hover, style=style)


def _figure(
    title: str, caption: str, x_axis: Axis, y_axis: Axis, lines: Sequence[Line], height: int = 280, nearest: str = "x"
) -> Figure | None:
    if not any((np.isfinite(line.x) & np.isfinite(line.y)).any() for line in lines):
        return None
    return Figure(title, caption, draw(title, x_axis, y_axis, lines, height, nearest))


def _present(figures: Iterable[Figure | None]) -> list[Figure]:
    return [figure for figure in figures if figure is not None]
