"""Weights & Biases gets what TensorBoard gets; a stand-in takes the place of the library."""

import dataclasses
import importlib.machinery
import sys
import types

import pytest

from entropy_rl import training
from entropy_rl.phases import Wandb
from entropy_rl.training.streams import read
from entropy_rl.training.wandb import Tracker
from entropy_rl.training.writers import Writers
from tests.training import tiny_run

SAMPLE = {"step": 2, "prompt": "1 2 =", "responses": [{"text": "3", "reward": 1.0}, {"text": "4", "reward": 0.0}]}


class Library(types.ModuleType):
    """Remembers what it was told."""

    def __init__(self, error: Exception | None = None):
        super().__init__("wandb")
        self.__spec__ = importlib.machinery.ModuleSpec("wandb", None)
        self.began, self.logged, self.finished, self.error = [], [], 0, error

    def init(self, **settings):
        if self.error is not None:
            raise self.error
        self.began.append(settings)
        return self

    def log(self, values, step):
        self.logged.append((step, values))

    def Table(self, columns, data):  # noqa: N802 - the library's name
        assert all(len(row) == len(columns) for row in data)
        return data

    def finish(self):
        self.finished += 1


@pytest.fixture
def library(monkeypatch):
    stand_in = Library()
    monkeypatch.setitem(sys.modules, "wandb", stand_in)
    return stand_in


def test_metrics_keep_their_names_and_what_is_no_number_is_left_out(library, tmp_path):
    writers = Writers(tmp_path, tracker=Tracker(Wandb("project"), "run", tmp_path, {"steps": 3}))
    writers.write_metrics({"step": 1, "validation/pass@1": 0.5, "missing": None, "odd": float("nan"), "text": "x"})
    writers.write_samples([SAMPLE])
    writers.close()
    writers.close()
    assert library.logged[0] == (1, {"validation/pass@1": 0.5})
    step, values = library.logged[1]
    assert step == 2 and [row[2:5] for row in values["samples"]] == [["1 2 =", "3", 1.0], ["1 2 =", "4", 0.0]]
    assert library.finished == 1 and library.began[0]["config"] == {"steps": 3}


def test_a_resumed_run_goes_on_under_its_id_and_another_folder_has_another(library, tmp_path):
    for folder in (tmp_path / "a", tmp_path / "a", tmp_path / "b"):
        Tracker(Wandb("project"), "run", folder, {})
    first, again, other = (began["id"] for began in library.began)
    assert first == again != other and all(began["resume"] == "allow" for began in library.began)


def test_a_service_that_refuses_is_a_mistake_with_a_remedy(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "wandb", Library(RuntimeError("no key")))
    with pytest.raises(ValueError, match="no key.*wandb login"):
        Tracker(Wandb("project"), "run", tmp_path, {})


def test_a_missing_library_is_told_before_anything_is_compiled(monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    Wandb().validate()  # not asked for: nobody looks
    monkeypatch.delitem(sys.modules, "wandb")
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match="wandb is not installed"):
        Wandb(project="mine").validate()


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="'onlin'.*'online', 'offline'"):
        Wandb(mode="onlin").validate()  # pyright: ignore[reportArgumentType]


def test_a_run_tells_it_every_line_of_its_metrics(library, tmp_path):
    config = dataclasses.replace(tiny_run.get_config(), steps=2, wandb=Wandb(project="mine"))
    training.run(config, str(tmp_path / "run"))
    records = read(tmp_path / "run", "metrics")
    told = [(step, values) for step, values in library.logged if "samples" not in values]
    assert [step for step, _ in told] == [record["step"] for record in records]
    finite = {name for name, value in records[-1].items() if isinstance(value, float)}
    assert set(told[-1][1]) == finite - {"step"} and library.finished == 1
    assert library.began[0]["config"]["steps"] == config.steps
