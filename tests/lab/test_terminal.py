import numpy as np

from entropy_rl.lab import terminal
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
