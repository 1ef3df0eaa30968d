"""A table over the runs among all that lies in a folder."""

from __future__ import annotations

import json
import pathlib

import pytest
from absl import app

from benchmarks import study
from tests.lab.fake_runs import write_run


@pytest.fixture
def runs(tmp_path: pathlib.Path) -> pathlib.Path:
    """What launch/local.sh and the README's commands leave in runs/."""
    for seed in (0, 1):
        summary = write_run(tmp_path / f"grpo_s{seed}", "grpo", seed=seed) / "summary.json"
        summary.write_text(json.dumps(json.loads(summary.read_text()) | {"steps": 120}))
    (tmp_path / "bases" / "abc").mkdir(parents=True)
    (tmp_path / "report.html").write_text("<!doctype html>")
    (tmp_path / "clip_cov.log").write_text("a log")
    write_run(tmp_path / "under_way", summary=False)
    few = write_run(tmp_path / "few_samples") / "summary.json"
    few.write_text(few.read_text().replace("@16", "@8"))
    return tmp_path


def test_what_is_no_finished_run_is_passed_over_and_said(runs, capsys):
    study.main(["study.py", *map(str, sorted(runs.iterdir()))])
    shown, said = capsys.readouterr()
    head, _, *rows = shown.splitlines()
    assert head.startswith("| run | seeds | pass@1 ") and len(rows) == 1 and rows[0].startswith("| grpo | 2 | ")
    assert said.count("passed over: ") == 5
    assert f"{runs / 'report.html'} is no run" in said and f"{runs / 'bases'} is no run" in said
    assert f"{runs / 'under_way'} has no test figures" in said
    assert f"{runs / 'few_samples'} was tested without pass@16, maj@16" in said


def test_without_any_run_and_with_a_wrong_name_there_is_no_table(runs):
    with pytest.raises(app.UsageError, match="none of these is a finished run"):
        study.finished([str(runs / "bases"), str(runs / "report.html")])
    with pytest.raises(app.UsageError, match="grpo_s3 does not exist"):
        study.finished([str(runs / "grpo_s0"), str(runs / "grpo_s3")])
