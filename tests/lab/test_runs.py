import json

import numpy as np
import pytest

from entropy_rl.lab import runs
from tests.lab import fake_runs


def test_an_integer_beyond_all_floats_is_no_number():
    assert np.isnan(runs.number(10**400)) and runs.number(3) == 3.0


def test_a_finished_run_comes_back_whole(tmp_path):
    run = runs.read_run(fake_runs.write_run(tmp_path / "a", "grpo", steps=30))
    steps, entropies = run.series("entropy/token_mean")
    assert run.name == "grpo" and len(run.records) == 30 and len(run.samples) == 12
    np.testing.assert_array_equal(steps, np.arange(30))
    assert entropies[0] > entropies[-1] > 0


def test_lines_cut_by_a_preemption_are_left_out_wherever_they_stand(tmp_path):
    lines = [b'{"step": 0, "x": 1}', b'{"step": 1, "x', b'{"step": 2, "x": 3}', b'{"step": 3, "x": 4.', b'"\xff']
    (tmp_path / "metrics.jsonl").write_bytes(b"\n".join(lines))
    np.testing.assert_array_equal(runs.read_run(tmp_path).series("x"), [[0, 2], [1, 3]])


def test_a_step_repeated_after_a_restart_keeps_the_later_values_and_the_order_of_steps(tmp_path):
    written = [{"step": 2, "x": 2}, {"step": 1, "x": 1}, {"step": 1, "x": 10, "y": 5}]
    (tmp_path / "metrics.jsonl").write_text("\n".join(map(json.dumps, written)))
    run = runs.read_run(tmp_path)
    assert [record["step"] for record in run.records] == [1, 2]
    np.testing.assert_array_equal(run.series("x"), [[1, 2], [10, 2]])
    np.testing.assert_array_equal(run.table("x", "y"), [[1], [10], [5]])


def test_parts_written_to_an_object_store_are_joined_in_order(tmp_path):
    for part, values in enumerate([[0, 1], [2, 3]]):
        lines = [json.dumps({"step": step, "x": step}) for step in values]
        (tmp_path / f"metrics.{part:05d}.jsonl").write_text("\n".join(lines))
    np.testing.assert_array_equal(runs.read_run(tmp_path).series("x")[0], [0, 1, 2, 3])


def test_values_that_are_no_numbers_are_missing_values(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"step": 0, "x": NaN, "y": null, "z": "text", "w": true, "v": Infinity}')
    run = runs.read_run(tmp_path)
    assert run.keys == {"step"} and all(run.series(key)[0].size == 0 for key in "xyzwv")


@pytest.mark.parametrize("broken", ['{"name": ', "[1, 2]", ""])
def test_a_broken_summary_or_config_is_an_empty_one(tmp_path, broken):
    folder = fake_runs.write_run(tmp_path / "named", steps=3)
    for file in ("summary.json", "config.json"):
        (folder / file).write_text(broken)
    run = runs.read_run(folder)
    assert run.summary == {} and run.config == {} and run.name == "named"


def test_a_folder_that_is_missing_is_refused_by_name(tmp_path):
    with pytest.raises(ValueError, match="nowhere does not exist; name the --workdir"):
        runs.read_run(tmp_path / "nowhere")


def test_a_folder_of_runs_is_refused_with_their_names(tmp_path):
    fake_runs.write_run(tmp_path / "grpo", steps=2)
    with pytest.raises(ValueError, match="is no run.*it holds the runs grpo: name those"):
        runs.read_run(tmp_path)


def test_a_file_is_no_run(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match="is no run"):
        runs.read_run(tmp_path / "file")


def test_runs_of_one_name_are_told_apart_by_seed_and_then_by_number(tmp_path):
    seeds = [0, 1, 1]
    paths = [fake_runs.write_run(tmp_path / str(i), "grpo", steps=2, seed=seed) for i, seed in enumerate(seeds)]
    assert [run.name for run in runs.read_runs(paths)] == ["grpo, seed 0", "grpo, seed 1, 2", "grpo, seed 1, 3"]


def test_no_run_at_all_is_refused():
    with pytest.raises(ValueError, match="no run is named"):
        runs.read_runs([])


def test_a_label_leaves_out_what_all_names_share(tmp_path):
    names = ("countdown_grpo", "countdown_clip_cov")
    read = runs.read_runs([fake_runs.write_run(tmp_path / name, name, steps=3) for name in names])
    assert [run.short for run in read] == ["grpo", "clip_cov"]
    assert runs.read_runs([tmp_path / names[0]])[0].short == names[0]  # alone, nothing is shared
