import json

import numpy as np
import pytest

from entropy_rl.lab import outcomes, runs, seeds
from tests.lab import fake_runs


def several(tmp_path, *options: dict) -> list[runs.Run]:
    folders = [fake_runs.write_run(tmp_path / str(i), **each) for i, each in enumerate(options)]
    return runs.read_runs(folders)


def test_runs_that_differ_in_their_seed_only_are_one_setting(tmp_path):
    read = several(tmp_path, {"seed": 0}, {"name": "other"}, {"seed": 1})
    grouped = seeds.grouped(read)
    assert [(group.name, group.seeds, len(group.runs)) for group in grouped] == [
        ("grpo", "2 seeds", 2),
        ("other", "", 1),
    ]


def test_settings_of_one_name_are_told_apart_by_the_field_that_differs(tmp_path):
    folders = [fake_runs.write_run(tmp_path / str(i), seed=i) for i in range(3)]
    for folder, rate in zip(folders, (0.1, 0.1, 0.3), strict=True):
        fields = {"name": "grpo", "flat": {"optimizer.learning_rate": rate, "seed": 5, "steps": 10, "same": 1}}
        (folder / "config.json").write_text(json.dumps(fields))
    names = [group.name for group in seeds.grouped(runs.read_runs(folders))]
    assert names == ["grpo, optimizer.learning_rate = 0.1", "grpo, optimizer.learning_rate = 0.3"]


def test_names_of_groups_are_unique_whatever_the_configs_hold(tmp_path):
    read = several(tmp_path, {"methods": ("A",)}, {"methods": ("B",)})
    names = [group.name for group in seeds.grouped(read)]
    assert len(set(names)) == 2


def test_runs_without_a_config_are_never_taken_for_seeds_of_each_other(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "summary.json").write_text('{"test": {"pass@1": 0.5}}')
    assert len(seeds.grouped(runs.read_runs([tmp_path / "a", tmp_path / "b"]))) == 2


def test_a_band_holds_mean_and_extremes_at_steps_that_half_of_the_seeds_have():
    steps = np.arange(3.0)
    band = seeds.band([(steps, steps), (steps[:2], steps[:2] + 3.0), (steps[:1], np.array([6.0])), (steps[:0],) * 2])
    np.testing.assert_array_equal(band.x, [0.0, 1.0])  # at step 2 there is one of three
    np.testing.assert_allclose(band.y, [(0 + 3 + 6) / 3, (1 + 4) / 2])
    np.testing.assert_array_equal([band.low, band.high], [[0.0, 1.0], [6.0, 4.0]])
    assert band.seeds == 3 and seeds.band([]).seeds == 0


def test_figures_of_several_seeds_are_means_with_students_interval(tmp_path):
    folders = [fake_runs.write_run(tmp_path / str(i), seed=i) for i in range(3)]
    for folder, value in zip(folders, (0.5, 0.6, 0.7), strict=True):
        summary = {"name": "grpo", "test": {"pass@1": value, "pass@1/interval": [0.0, 1.0]}, "base": {"pass@1": 0.2}}
        (folder / "summary.json").write_text(json.dumps(summary))
    (group,) = seeds.grouped(runs.read_runs(folders))
    result = outcomes.of_group(group)
    half = 4.302653 * 0.1 / 3**0.5  # the 97.5 % point of Student's t with 2 degrees, times the standard error
    assert result.value("pass@1") == pytest.approx(0.6) and result.base_value("pass@1") == pytest.approx(0.2)
    assert result.interval("pass@1") == pytest.approx((0.6 - half, 0.6 + half)) and result.seeds == 3


def test_seeds_that_are_not_tested_yet_do_not_count_beside_those_that_are(tmp_path):
    read = several(tmp_path, {"seed": 0}, {"seed": 1, "summary": False}, {"seed": 2, "summary": False})
    (group,) = seeds.grouped(read)
    assert (outcomes.of_group(group).source, outcomes.of_group(group).seeds) == ("test", 1)
    (under_way,) = seeds.grouped(read[1:])
    assert outcomes.of_group(under_way).source == "validation at step 100"


def test_an_analysis_of_a_run_is_made_once(tmp_path):
    (run,) = several(tmp_path, {})
    asked = []
    group = seeds.Group("grpo", (run,))

    def analysis(of: runs.Run) -> int:
        asked.append(of)
        return len(asked)

    assert group.each(analysis) == group.each(analysis) == [1]


def test_two_seeds_have_the_interval_that_covers_both(tmp_path):
    folders = [fake_runs.write_run(tmp_path / str(i), seed=i) for i in range(2)]
    for folder, value in zip(folders, (0.5, 0.6), strict=True):
        summary = {"name": "grpo", "test": {"pass@1": value, "pass@1/interval": [value - 0.1, value + 0.1]}}
        (folder / "summary.json").write_text(json.dumps(summary))
    (group,) = seeds.grouped(runs.read_runs(folders))
    assert outcomes.of_group(group).interval("pass@1") == pytest.approx((0.4, 0.7))


def test_two_logs_of_one_name_are_no_seeds_of_each_other(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "log.csv").write_text("step,reward\n1,0.5\n2,0.6\n")
    read = runs.read_runs([tmp_path / "a" / "log.csv", tmp_path / "b" / "log.csv"])
    assert [group.name for group in seeds.grouped(read)] == ["log, 1", "log, 2"]
