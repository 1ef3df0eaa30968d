"""docs/lab.md, made of the studies in configs/lab and of benchmarks/results/lab: claims, our figures, verdicts.

Run:  python -m entropy_rl.experiment --config=all --judge_only --workdir=runs/lab --results=benchmarks/results/lab
      python -m benchmarks.lab_page            (rewrites docs/lab.md, and the headline study's place in README.md)
      python -m benchmarks.lab_page --check    (says whether it is up to date, and ends with status 1 if not)
"""

from __future__ import annotations

import collections
import json
import pathlib
import re
import sys
from collections.abc import Sequence
from typing import Any

from absl import app, flags

from benchmarks.lab_rows import CLAIMS
from entropy_rl import presets
from entropy_rl.lab import verdicts
from entropy_rl.lab.verdicts import Results
from entropy_rl.training import study_results

CHECK = flags.DEFINE_bool("check", False, "Change nothing.", allow_override=True)

ROOT = pathlib.Path(__file__).resolve().parents[1]
PAGE, RESULTS, README = ROOT / "docs/lab.md", ROOT / "benchmarks/results/lab", ROOT / "README.md"
BEGIN, END = "<!-- headline -->\n", "<!-- /headline -->\n"
OPEN = (verdicts.NO_CLAIM, verdicts.NOT_MEASURED, verdicts.NOT_RUN)
ORDER = (verdicts.REPRODUCES, verdicts.PARTLY, verdicts.FAILS, *OPEN)
MET = {True: "yes", False: "no", None: "not measured"}
TIERS = {"where_control_does_not_pay": "easy, three numbers", "control_by_budget": "hard, three or four numbers"}
BUDGET = re.compile(r"validation (?P<figure>pass@\d+) after (?P<steps>\d+) steps, (?P<arm>.+) - (?P<other>.+)")
UNCLEAR = ": the interval reaches over the bar"

Record = dict[str, Any]

INTRODUCTION = """# The lab: 36 published claims and five of ours, and what became of them here

Each study is a file in [configs/lab](../configs/lab): a claim, the arms and seeds that test it, and bars that were
written before its runs. Runs are of the embedded tasks: Countdown with a policy of 104 thousand parameters, or a
softmax table whose every quantity is a finite sum (the studies named tabular). They are small, so that anybody can
repeat them; what holds here need not hold at 7B, and the other way round.

* `python -m entropy_rl.experiment --config=NAME --workdir=runs/lab` runs a study, or goes on with it, and judges it.
* `python -m entropy_rl.experiment --config=baseline_dynamics,covariance_verification,kl_cov_ablation` makes the three
  first experiments: dynamics without control, covariance, KL-Cov at the published setting and at those of this scale.
  At 7B they are [paper_qwen25_7b](../configs/paper_qwen25_7b.py) and
  [paper_qwen25_7b_kl_cov](../configs/paper_qwen25_7b_kl_cov.py); [configs/paper](../configs/paper/README.md) lists all
  runs of that paper, and that none of them was run.
* An estimate is a mean over runs with its 95 % interval (Student's, over seeds; pairs of runs share base and seed).
* The verdict: *reproduces* if every bar is met, *partly* if some are, *does not reproduce* if none is, *tests no
  claim* if it has none, *not measured* if a figure that is asked for is missing in the finished runs, and *not run*
  until every planned run is finished. A bar asks for the mean or, where it says
  so, for the whole interval; where the interval of a figure reaches over its bar, the table says so: such a verdict may
  be chance. Figures are of the test, or of training or validation where they say so.
* What a study chooses, it chooses on validation, and its note says how. The settings of presets were not tuned for the
  studies: Clip-Cov's fraction was chosen on validation at another seed, KL-Cov's numbers come from an earlier probe
  that had looked at a seed's held-out scores, the others' are published ones or first guesses. Where a preset loses,
  a better setting may not. The headline study alone tunes every arm, on validation and another base.
* Bars are published figures or those of an earlier probe at this scale. The first runs of GRPO and RLOO, which many
  studies share, had been looked at when these bars were written down; where a bar, a bin or an arm was changed after a
  look at its own runs, the study says so.
"""


def main(argv: Sequence[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments {argv[1:]}")
    found = records()
    wanted = {PAGE: page(found), README: opened(README.read_text(), found)}
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    if CHECK.value and stale:
        names = " and ".join(str(path.relative_to(ROOT)) for path in stale)
        sys.stderr.write(f"not what the results say: {names}; run: python -m benchmarks.lab_page\n")
        sys.exit(1)
    for path in stale:
        path.write_text(wanted[path])


def records(folder: pathlib.Path = RESULTS) -> list[Record]:
    """Every study's result, or what is planned where there is none yet."""
    found = []
    for name in presets.study_names():
        path = folder / f"{name}.json"
        if path.exists():
            found.append(json.loads(path.read_text()))
            continue
        study = presets.load_study(name)
        planned = study_results.record(study, Results({arm.name: {} for arm in study.arms}))
        found.append(planned | {"command": f"python -m entropy_rl.experiment --config=configs/lab/{name}.py"})
    return sorted(found, key=lambda one: (min(one["rows"], default=0), one["study"]))


def page(found: Sequence[Record]) -> str:
    """The whole page."""
    parts = [INTRODUCTION, _summary(found), _claims(found), _studies(found), *(_section(one) for one in found)]
    return "\n".join(parts)


def best(found: Sequence[Record], row: int) -> list[Record]:
    """The studies of a claim."""
    return [one for one in found if row in one["rows"]]


def _summary(found: Sequence[Record]) -> str:
    count = collections.Counter(one["verdict"] for one in found)
    judged = [row for row in CLAIMS if any(map(_is_judged, best(found, row)))]
    counted = ", ".join(f"{count[word]} *{word}*" for word in ORDER if count[word])
    networks = [row for row in judged if any(map(_of_networks, best(found, row)))]
    return (
        f"**{len(judged)} of {len(CLAIMS)} claims judged**, {len(networks)} of them on trained transformers and the "
        f"others on exact tables alone. Of {len(found)} studies: {counted}.\n"
    )


def _is_judged(one: Record) -> bool:
    return one["verdict"] not in OPEN


def _of_networks(one: Record) -> bool:
    return _is_judged(one) and not one["study"].startswith("tabular_")


def opened(readme: str, found: Sequence[Record]) -> str:
    """The README with the headline study's table and picture between their markers."""
    (one,) = (one for one in found if one["study"] == "headline")
    before, rest = readme.split(BEGIN)
    return before + BEGIN + headline(one) + by_budget(found) + END + rest.split(END)[1]


def by_budget(found: Sequence[Record]) -> str:
    """The map of where control pays: tiers and budgets in lines, differences to GRPO in columns."""
    cells: dict[tuple[str, int], dict[str, str]] = {}
    pairs: dict[tuple[str, int], set[int]] = collections.defaultdict(set)
    for study, tier in TIERS.items():
        for bar in (bar for one in found if one["study"] == study and one["runs"]["finished"] for bar in one["bars"]):
            if at := BUDGET.fullmatch(bar["figure"]):
                place = tier, int(at["steps"])
                line = cells.setdefault(place, {})
                line[f"{at['figure']}, {at['arm']} - {at['other']}"] = study_results.text(bar["found"])
                pairs[place].add(bar["found"]["n"])
    if not cells:
        return ""
    columns = list(dict.fromkeys(name for line in cells.values() for name in line))
    rows = []
    for place, line in cells.items():
        several = " or ".join(str(n) for n in sorted(pairs[place]))
        rows.append((f"{place[0]}: {place[1]:,} steps", several, *(line.get(name, "") for name in columns)))
    return (
        "\n### Where control pays, and where it does not\n\nValidation after so many steps, paired by base and seed; "
        "the learning rate is 3e-4 in the easy tier, 1e-4 in the hard one.\n\n"
        + table([("tier and budget", "pairs", *columns), *rows])
    )


def headline(one: Record) -> str:
    """What the README opens with; nothing before the first runs."""
    runs = one["runs"]
    if not runs["finished"]:
        return ""
    differences = [("difference to GRPO over pairs of runs", "", "asked", "met")]
    for bar in (bar for bar in one["bars"] if bar["decisive"]):
        differences.append((bar["figure"], study_results.text(bar["found"]), bar["asked"], _met(one, bar)))
    state = f"**{_word(one).capitalize()}**" if one["verdict"] != verdicts.NOT_RUN else (
        f"**Under way: {runs['finished']} of {runs['planned']} runs; nothing is judged before the last**"
    )  # fmt: skip
    parts = [
        f"## The headline study\n\n{one['claim']} ([source]({one['source'].split()[-1]})). Here: {one['note']} "
        f"{state}; protocol, every run and how to repeat it: [`docs/lab.md`](docs/lab.md#headline).\n",
        _arms(one),
        table(differences),
    ]
    if one.get("chart"):
        parts.append(f"![Entropy and validation accuracy of all arms](benchmarks/results/lab/{one['chart']})\n")
    return "\n".join(parts)


def _claims(found: Sequence[Record]) -> str:
    rows = [("", "claim", "studies and verdicts")]
    for number, claim in CLAIMS.items():
        studies = "; ".join(f"{_link(one)}: {_word(one)}" for one in best(found, number))
        rows.append((str(number), claim, studies or "no study yet"))
    return "## Claims\n\n" + table(rows)


def _studies(found: Sequence[Record]) -> str:
    rows = [("study", "experiment", "our figure", "asked", "verdict")]
    for one in found:
        bar = next((bar for bar in one["bars"] if bar["decisive"]), one["bars"][0])
        runs, arms = one["runs"], len(one["arms"])
        experiment = f"{arms} arm{'s' if arms > 1 else ''}, {runs['planned']} runs"
        figure = f"{bar['figure']}: {study_results.text(bar['found'])}"
        rows.append((_link(one), experiment, figure, bar["asked"], _word(one)))
    return "## Studies\n\nOf each its first bar; all of them stand below.\n\n" + table(rows)


def _section(one: Record) -> str:
    bars = [("figure", "asked", "found", "met")]
    for bar in one["bars"]:
        asked = bar["asked"] if bar["decisive"] else ""
        bars.append((bar["figure"], asked, study_results.text(bar["found"]), _met(one, bar)))
    parts = [
        f"## {one['study']}\n",
        f"**Claim.** {one['claim']}.\n\n**Source.** {one['source']}.\n",
        f"**Verdict.** {_word(one).capitalize()}.\n",
        f"{one['note']}\n" if one["note"] else "",
        f"```\n{one['command']}\n```\n",
        table(bars),
        _arms(one),
    ]
    if one.get("chart"):
        parts.append(f"![{one['study']}](../benchmarks/results/lab/{one['chart']})\n")
    if one["runs"]["finished"]:
        parts.append(_origin(one["provenance"]))
    parts += [f"Came to a bad end, and misses its bars: {failed}.\n" for failed in one["runs"].get("failed", ())]
    return "\n".join(part for part in parts if part)


def _met(one: Record, bar: Record) -> str:
    """Whether a bar is met; said so where the other is within the interval too. Nothing before the last run."""
    if not bar["decisive"]:
        return "told"
    if one["verdict"] == verdicts.NOT_RUN and bar["met"] is not None:
        return "not yet judged"
    if bar.get("clear") is not False:
        return MET[bar["met"]]
    return MET[bar["met"]] + ("" if bar["asked"].startswith("the whole") else ", by its mean") + UNCLEAR


def _arms(one: Record) -> str:
    labels = list(dict.fromkeys(label for arm in one["arms"] for label in arm["figures"]))
    rows = [("arm", "runs", *labels)]
    for arm in one["arms"]:
        cells = (study_results.text(arm["figures"][label]) if arm["figures"] else "not run" for label in labels)
        rows.append((arm["arm"], str(len(arm["runs"])), *cells))
    return table(rows)


def _origin(provenance: Record) -> str:
    commits = ", ".join(commit[:10] for commit in provenance["commits"]) or "not recorded"
    hardware = ", ".join(provenance["hardware"]) or "not recorded"
    versions = provenance["versions"]
    named = ", ".join(f"{name} {versions[name]}" for name in ("jax", "flax", "optax") if name in versions)
    hours = provenance["seconds"] / 3600
    return f"Runs: {hours:.2f} h in all; commits {commits}; {hardware}{'; ' + named if named else ''}.\n"


def _word(one: Record) -> str:
    runs = one["runs"]
    if one["verdict"] != verdicts.NOT_RUN:
        return one["verdict"]
    return f"not run ({runs['finished']} of {runs['planned']} runs)" if runs["finished"] else "not run"


def _link(one: Record) -> str:
    return f"[{one['study']}](#{one['study']})"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Markdown, its first row the heading."""
    lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]]) + "\n"


if __name__ == "__main__":
    app.run(main)
