"""python -m entropy_rl.experiment: a study from its file to its figures, and mistakes answered in a sentence."""

from __future__ import annotations

import json
import pathlib
import re

import pytest
from absl import app, flags

from entropy_rl import experiment, presets
from tests import flagsaver

STUDY = """
import dataclasses, json, pathlib
from entropy_rl.lab import verdicts
from entropy_rl.lab.verdicts import Bar
from entropy_rl.study import Arm, Study

@dataclasses.dataclass(frozen=True)
class Constant:
    name: str
    score: float
    seed: int = 0

    def run(self, workdir):
        (pathlib.Path(workdir) / "summary.json").write_text(json.dumps({"test": {"pass@1": self.score}}))

def get_study():
    bar = Bar("pass@1 of b", lambda results: results.mean("b", verdicts.test("pass@1")), low=0.5)
    arms = (Arm("a", Constant("one", 0.4)), Arm("b", Constant("two", 0.6)))
    return Study(name="example", claim="b is right more often than not", source="nobody", bars=(bar,), arms=arms)
"""


@pytest.fixture
def file(tmp_path) -> pathlib.Path:
    path = tmp_path / "example.py"
    path.write_text(STUDY)
    return path


def command(workdir: pathlib.Path, **values) -> None:
    flags.FLAGS.mark_as_parsed()
    settings = {"results": "", "arm": [], "seeds": [], "shard": "0/1", "judge_only": False}
    with flagsaver.flagsaver(workdir=str(workdir), **(settings | values)):
        experiment.main(["experiment"])


def test_a_study_is_run_and_judged(file, tmp_path):
    command(tmp_path / "lab", config=str(file))
    found = json.loads((tmp_path / "lab/results/example.json").read_text())
    assert found["verdict"] == "reproduces" and found["runs"] == {"planned": 6, "finished": 6, "seeds": 3, "bases": 1}
    assert found["command"].endswith(f"--config={file}")


def test_several_studies_are_run_in_their_order(file, tmp_path):
    (tmp_path / "second.py").write_text(STUDY.replace('name="example"', 'name="second"').replace("low=0.5", "low=0.7"))
    command(tmp_path / "lab", config=f"{file},{tmp_path / 'second.py'}")
    verdicts = {path.stem: json.loads(path.read_text())["verdict"] for path in (tmp_path / "lab/results").iterdir()}
    assert verdicts == {"example": "reproduces", "second": "does not reproduce"}


def test_arms_are_named_one_by_one_or_by_commas_and_may_hold_one(file, tmp_path):
    file.write_text(STUDY.replace('Arm("b"', 'Arm("b, the second"').replace('mean("b"', 'mean("b, the second"'))
    command(tmp_path / "one", config=str(file), arm=["b, the second"], seeds=["0"])
    assert [path.parent.name for path in (tmp_path / "one/pool").glob("*/seed0")] == ["two"]
    file.write_text(STUDY)
    command(tmp_path / "both", config=str(file), arm=["a,b"], seeds=["1"])
    assert sorted(path.parent.name for path in (tmp_path / "both/pool").glob("*/seed1")) == ["one", "two"]


def test_nothing_is_run_where_only_a_judgement_is_asked_for(file, tmp_path):
    command(tmp_path / "lab", config=str(file), judge_only=True, results=str(tmp_path / "there"))
    assert json.loads((tmp_path / "there/example.json").read_text())["verdict"] == "not run"
    assert not (tmp_path / "lab").exists()


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"arm": ["c"]}, "example has a, b"),
        ({"seeds": ["one"]}, "'one' is no whole number"),
        ({"shard": "2"}, "is no whole number"),
        ({"config": None}, "--config is missing"),
        ({"config": "headlin"}, "the nearest presets are headline"),
    ],
)
def test_a_mistake_is_answered_in_a_sentence(values, named, file, tmp_path):
    with pytest.raises(app.UsageError, match=re.escape(named)):
        command(tmp_path / "lab", **({"config": str(file)} | values))


def test_a_file_without_a_study_says_what_to_define(tmp_path):
    (tmp_path / "wrong.py").write_text("x = 1\n")
    with pytest.raises(ValueError, match=r"no get_study\(\); define a function of that name that returns a Study"):
        presets.load_study(str(tmp_path / "wrong.py"))


@pytest.mark.parametrize("name", presets.study_names())
def test_every_study_of_the_lab_is_whole_and_can_be_run(name):
    study = presets.load_study(name)
    study.validate()
    assert study.name == name
    for planned in study.planned():
        if hasattr(planned.setting, "validate") and not planned.after:
            planned.setting.validate()


def test_a_setting_means_the_same_in_every_study():
    """Runs are shared by their folders: name, base and seed of their settings."""
    settings = {}
    for name in presets.study_names():
        for planned in presets.load_study(name).planned():
            same = settings.setdefault((planned.folder, planned.after), planned.setting)
            assert same == planned.setting, (name, planned.arm)
