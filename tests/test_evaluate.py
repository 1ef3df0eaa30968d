"""python -m entropy_rl.evaluate: the run's own figures come out again, and mistakes are answered in a sentence."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import shutil

import pytest
from absl import app, flags
from etils import epath

from entropy_rl import evaluate, presets, training
from entropy_rl.config import RandomWeights
from entropy_rl.training import revisit, snapshot
from tests import flagsaver
from tests.training.resuming import CONFIG_FILE


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> pathlib.Path:
    workdir = tmp_path_factory.mktemp("runs") / "run"
    config = presets.load_config(str(CONFIG_FILE))
    training.run(dataclasses.replace(config, init=RandomWeights(), steps=4), str(workdir))
    return workdir


def evaluated(run: pathlib.Path, **values) -> None:
    flags.FLAGS.mark_as_parsed()
    settings = {"split": "test", "problems": None, "samples": None, "temperature": None, "step": None, "json": None}
    with flagsaver.flagsaver(run=str(run), **(settings | values)):
        evaluate.main(["evaluate"])


def test_a_finished_run_gives_its_own_figures_again(finished, tmp_path):
    evaluated(finished, json=str(tmp_path / "figures.json"))
    figures = json.loads((tmp_path / "figures.json").read_text())
    test = training.Run(epath.Path(finished)).summary["test"]
    assert figures["step"] == 4 and figures["problems"] == 8
    assert {f"test/{name}": value for name, value in test.items()} == {
        name: value for name, value in figures.items() if name.startswith("test/")
    }


def test_other_samples_and_an_older_checkpoint_can_be_asked_for(finished):
    result, step = revisit.evaluate_run(str(finished), "validation", problems=3, samples=6, temperature=0.5, step=2)
    assert step == 2 and result.correct.shape == (3, 6)
    newer, _ = revisit.evaluate_run(str(finished), "validation", problems=3, samples=6)
    assert newer.entropy != result.entropy


def test_the_table_holds_intervals_and_the_base(finished):
    result, _ = revisit.evaluate_run(str(finished))
    lines = revisit.table(result, "test", {"pass@1": 0.125}).splitlines()
    assert lines[1].split() == ["pass@1", "0.000", "0.000", "..", "0.000", "0.125"]
    assert len({line.split()[0] for line in lines[1:]}) == len(result.metrics("test"))


def test_the_folder_is_only_read(finished):
    listed = lambda: {path: path.stat().st_mtime_ns for path in finished.rglob("*")}  # noqa: E731
    before = listed()
    revisit.evaluate_run(str(finished), problems=1, samples=4)
    assert listed() == before


def test_a_config_file_of_a_run_is_the_config(finished):
    assert snapshot.load(epath.Path(finished)).resolved() == snapshot.load(epath.Path(finished))
    for name in presets.preset_names():
        config = presets.load_config(name).resolved()
        scope: dict = {}
        exec(compile(snapshot.as_python(config), "config.py", "exec"), scope)
        assert scope["get_config"]() == config


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"split": "train"}, "--split=train is unknown; use one of validation, test"),
        ({"problems": 9}, "evaluation.test_problems = 9, but the test split has 8 problems"),
        ({"samples": 0}, "evaluation.samples is 0"),
        ({"temperature": 0.0}, "evaluation.temperature is 0.0"),
        ({"step": 3}, "holds no checkpoint of step 3"),
    ],
)
def test_a_wrong_flag_is_answered_in_a_sentence(finished, values, words):
    with pytest.raises(app.UsageError) as error:
        evaluated(finished, **values)
    assert words in str(error.value)


def test_a_folder_that_is_no_run_or_was_edited_is_refused(finished, tmp_path):
    with pytest.raises(app.UsageError, match="holds no config.py; name the --workdir of a training run"):
        evaluated(tmp_path)
    edited = tmp_path / "edited"
    shutil.copytree(finished, edited)
    text = (edited / "config.py").read_text()
    (edited / "config.py").write_text(text.replace("width=16", "width=32"))
    with pytest.raises(app.UsageError, match="differ in policy.width"):
        evaluated(edited)
    shutil.rmtree(edited / "checkpoints")
    (edited / "config.py").write_text(text)
    with pytest.raises(app.UsageError, match="holds no checkpoint"):
        evaluated(edited)


def swept(run: pathlib.Path, **values) -> None:
    settings = {"temperatures": ["0.5", "1"], "lengths": [], "sweep": True}
    evaluated(run, **(settings | values))


def test_a_sweep_repeats_the_runs_own_figures_at_its_own_temperature(finished, tmp_path):
    swept(finished, samples=4, lengths=["6", "11"], json=str(tmp_path / "sweep.json"))
    figures = json.loads((tmp_path / "sweep.json").read_text())
    test = training.Run(epath.Path(finished)).summary["test"]
    assert [(cell["temperature"], cell["length"]) for cell in figures["cells"]] == [
        (0.5, 6),
        (1, 6),
        (0.5, 11),
        (1, 11),
    ]
    own = figures["cells"][3]
    assert [own["pass_at"][0], own["entropy"], own["majority"][-1]] == [test["pass@1"], test["entropy"], test["maj@4"]]
    assert figures["cells"][0]["mean_length"] <= 6 < figures["cells"][2]["mean_length"] <= 11


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"temperatures": ["warm"]}, "--temperatures names 'warm', which is no number"),
        ({"temperatures": ["0"]}, "--temperatures: one is 0"),
        ({"temperatures": []}, "--temperatures is empty"),
        ({"lengths": ["12"]}, "--lengths names 12, but the run's responses have at most 11 tokens"),
    ],
)
def test_a_wrong_sweep_is_answered_in_a_sentence(finished, values, words):
    with pytest.raises(app.UsageError) as error:
        swept(finished, **values)
    assert words in str(error.value)
