import dataclasses

import numpy as np

from entropy_rl.lab import runs, terminal
from tests.lab import fake_runs


def test_a_curve_is_as_high_as_its_values_and_has_gaps_where_there_are_none():
    assert terminal.curve(np.arange(8.0)) == "▁▂▃▄▅▆▇█"
    assert terminal.curve(np.array([1.0, np.nan, 0.0])) == "█ ▁"
    assert terminal.curve(np.array([2.0, 2.0])) == "▁▁" and terminal.curve(np.full(3, np.nan)) == ""
    assert len(terminal.curve(np.arange(1000.0), width=30)) == 30


def test_the_summary_shows_each_setting_once_and_where_runs_under_way_are(tmp_path):
    folders = [fake_runs.write_run(tmp_path / f"{i}", steps=50, seed=i, summary=False) for i in range(2)]
    folders.append(fake_runs.write_run(tmp_path / "kl", "kl_cov"))
    first, second = terminal.summary(folders).split("\n\n")
    assert first.startswith("grpo (2 runs), under way at step 49 of 50, 49 of 50\n")
    assert second.startswith("kl_cov\n  Solves")
    assert "entropy █" in first and "nats" in first and "reward  ▁" in first


def test_a_log_of_another_trainer_is_under_way_only_where_its_planned_steps_say_so(tmp_path):
    log = tmp_path / "verl.csv"
    log.write_text("step,entropy,reward\n" + "".join(f"{step},{0.5 / (1 + step)},.1\n" for step in range(1, 10)))
    for steps, title in ((None, "verl\n"), (9, "verl\n"), (90, "verl, under way at step 9 of 90\n")):
        assert terminal.summary(runs.read_runs([log], steps=steps)).startswith(title)


def test_a_bad_end_is_told_with_its_reason(tmp_path):
    run = runs.read_run(fake_runs.write_run(tmp_path / "r"))
    bad = dataclasses.replace(run, summary={"failed": "loss/total was not finite in step 13"})
    assert "Came to a bad end: loss/total was not finite in step 13." in terminal.summary([bad])
