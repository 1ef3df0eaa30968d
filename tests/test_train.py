"""The command itself: exit codes, no traceback for a user's mistake, the resolved config."""

from __future__ import annotations

import pathlib
import subprocess
import sys

import pytest
from absl import app, flags

from entropy_rl import mistakes, train
from entropy_rl.config import Config
from entropy_rl.training.alarms import NonFiniteError
from tests import flagsaver

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent


def command(tmp_path: pathlib.Path, monkeypatch, outcome: Exception) -> None:
    """main() of a run that ends with an exception."""

    def run(*_: object, **__: object) -> None:
        raise outcome

    monkeypatch.setattr("entropy_rl.training.run", run)
    flags.FLAGS.mark_as_parsed()
    with flagsaver.flagsaver(config="countdown_grpo", workdir=str(tmp_path), set=[], print_config=False):
        train.main(["train"])


def test_a_mistake_leaves_one_sentence_and_exit_code_1():
    arguments = ["--config=countdown_grpo", "--workdir=/nowhere", "--set", "optimizer.learning_rat=1"]
    result = subprocess.run(
        [sys.executable, "-m", "entropy_rl.train", *arguments], cwd=REPOSITORY, capture_output=True, text=True
    )
    assert result.returncode == 1
    said = result.stdout + result.stderr
    assert "did you mean 'learning_rate'?" in said and "Traceback" not in said


def test_a_run_that_breaks_ends_with_1_and_its_reason(tmp_path, monkeypatch, caplog):
    with pytest.raises(SystemExit) as left:
        command(tmp_path, monkeypatch, NonFiniteError(3, "loss/total", float("nan"), 2))
    assert left.value.code == 1
    with pytest.raises(SystemExit) as left:
        command(tmp_path, monkeypatch, OSError(28, "no space to write checkpoint 2"))
    assert left.value.code == 1


def test_the_resolved_config_is_printed_as_the_expression_that_makes_it(capsys):
    flags.FLAGS.mark_as_parsed()
    with flagsaver.flagsaver(config="countdown_grpo", workdir=None, set=["steps=7"], print_config=True):
        train.main(["train"])
    printed = capsys.readouterr().out
    assert printed.startswith("Config(") and "steps=7," in printed and "vocab_size=39," in printed


def test_batches_are_held_to_a_number_of_devices_before_there_are_any():
    flags.FLAGS.mark_as_parsed()
    for devices, changes in ((16, []), (64, ["update.mini_batches=1"]), (64, ["rollout.prompts=256"])):
        with flagsaver.flagsaver(config="countdown_grpo", workdir=None, set=changes, devices=devices):
            train.main(["train"])
    refused = pytest.raises(app.UsageError, match="a micro-batch of 16 prompts does not split over 32 devices")
    with refused, flagsaver.flagsaver(config="countdown_grpo", workdir=None, set=[], devices=32):
        train.main(["train"])


@pytest.mark.parametrize(
    ("change", "slices", "words"),
    [
        ("update.mini_batches=0", 1, "update.mini_batches is 0"),
        ("rollout.prompts=0", 1, "rollout.prompts is 0"),
        ("rollout.pieces=0", 1, "rollout.pieces is 0"),
        ("steps=-4", 1, "steps is -4"),
        ("seed=0", 2, "there are 2 slices, but mesh.slice is 1; set it to that"),
    ],
)
def test_numbers_are_looked_at_before_there_is_a_machine(change, slices, words):
    flags.FLAGS.mark_as_parsed()
    settings = {"config": "countdown_grpo", "workdir": None, "set": [change], "devices": 8, "slices": slices}
    with pytest.raises(app.UsageError, match=words), flagsaver.flagsaver(**settings):
        train.main(["train"])


def test_slices_that_the_mesh_knows_are_taken():
    flags.FLAGS.mark_as_parsed()
    settings = {"config": "countdown_grpo", "workdir": None, "set": ["mesh.slice=2"], "devices": 8, "slices": 2}
    with flagsaver.flagsaver(**settings):
        train.main(["train"])


def test_our_own_sentence_is_a_usage_error_and_a_defect_is_not():
    with pytest.raises(app.UsageError, match="steps is 0"), mistakes.explained():
        Config(steps=0).validate()
    with pytest.raises(ValueError, match="invalid literal"), mistakes.explained():
        int("x")
