"""Runs studies of the lab, or goes on with them, and says what they found: arms x seeds, intervals, a verdict.

Run:  python -m entropy_rl.experiment --config=configs/lab/baseline_dynamics.py --workdir=runs/lab
      python -m entropy_rl.experiment --config=baseline_dynamics,covariance_verification,kl_cov_ablation
      python -m entropy_rl.experiment --config=all --judge_only

Runs lie in the workdir's folder `pool` and are shared: one that another study has finished is taken as it is. Several
processes may work on one study, or on several, in one workdir: each run is made by one of them. Exit codes are those
of entropy_rl.train; after 143 the same command goes on.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from absl import app, flags, logging

from entropy_rl import mistakes, presets
from entropy_rl.study import Study

_CONFIG = flags.DEFINE_string(
    "config", None, "A study's file, or its name among configs/lab; several, by commas; or all.", allow_override=True
)
_WORKDIR = flags.DEFINE_string("workdir", "runs/lab", "Folder of the studies' runs and bases.", allow_override=True)
_RESULTS = flags.DEFINE_string("results", "", "Folder for the figures as JSON; 'results' in the workdir by default.")
_ARMS = flags.DEFINE_multi_string(
    "arm", [], "An arm to run, repeatable, or several by commas; all by default. The verdict needs all."
)
_SEEDS = flags.DEFINE_list("seeds", [], "Seeds to run; all by default.")
_SHARD = flags.DEFINE_string("shard", "0/1", "i/n: this process makes every n-th run from the i-th, counted from 0.")
_JUDGE_ONLY = flags.DEFINE_bool("judge_only", False, "Run nothing: judge what is finished.")


def main(argv: Sequence[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments {argv[1:]}; name the study with --config=STUDY")
    with mistakes.explained():
        if not _CONFIG.value:
            raise ValueError(f"--config is missing; give a .py file or one of {', '.join(presets.study_names())}")
        named = presets.study_names() if _CONFIG.value == "all" else _CONFIG.value.split(",")
        studies = {name: presets.load_study(name) for name in named}  # all of them before the first is run
        for study in studies.values():
            study.validate()
        for name, study in studies.items():
            if not _JUDGE_ONLY.value:
                _make(study)
            _judge(study, name)


def _make(study: Study) -> None:
    # After the flags, so that --help and a misspelt arm answer at once.
    from entropy_rl.parallel import allocator, compilation
    from entropy_rl.training import interrupts, memory, studies

    allocator.keep_freed_memory()
    compilation.keep_programs()
    choice = studies.Choice(_arms(study), [_whole(seed) for seed in _SEEDS.value], _shard())
    try:
        studies.run_study(study, _WORKDIR.value, choice)
    except interrupts.Interrupted as interrupted:
        logging.info("%s", interrupted)
        sys.exit(interrupts.EXIT_CODE)
    except (memory.OutOfMemoryError, OSError) as error:
        logging.error("%s", error)
        sys.exit(1)


def _judge(study: Study, named: str) -> None:
    from etils import epath

    from entropy_rl.lab import study_chart
    from entropy_rl.training import provenance, studies, study_results

    results = studies.results(study, _WORKDIR.value)
    found = study_results.record(study, results)
    file = named if named.endswith(".py") else f"configs/lab/{named}.py"
    found["command"] = f"python -m entropy_rl.experiment --config={file}"
    folder = epath.Path(_RESULTS.value or os.path.join(_WORKDIR.value, "results"))
    if chart := study_chart.draw(results, study.series, f"{study.name}: {study.claim}"):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{study.name}.svg").write_text(chart)
        found["chart"] = f"{study.name}.svg"
    provenance.write_json(folder / f"{study.name}.json", found)
    logging.info("%s\nwritten to %s", study_results.table(found), folder / f"{study.name}.json")


def _arms(study: Study) -> list[str]:
    """As they were named; a name may hold a comma itself."""
    known = {arm.name for arm in study.arms}
    return [name for text in _ARMS.value for name in ([text] if text in known else text.split(","))]


def _shard() -> tuple[int, int]:
    place, _, of = _SHARD.value.partition("/")
    return _whole(place), _whole(of)


def _whole(text: str) -> int:
    if not text.strip().isdigit():
        raise ValueError(f"{text!r} is no whole number; write --seeds=0,1 and --shard=0/2")
    return int(text)


if __name__ == "__main__":
    app.run(main)
