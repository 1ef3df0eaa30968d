"""A config is found by path or by name, in a clone and in a wheel, and a broken one says what is wrong."""

from __future__ import annotations

import dataclasses
import pathlib
import re
import subprocess
import sys

import pytest

from entropy_rl.presets import load_config, preset_names
from entropy_rl.problem import Problem
from entropy_rl.tasks.text_task import TextTask

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent


def write(folder: pathlib.Path, text: str, name: str = "mine.py") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


class Words(TextTask):
    """In the place of a dataset that is not prepared here."""

    def problems(self, split: str) -> list[Problem]:
        return [Problem(f"{split}/{number}", f"What is {number} + {number}?", str(2 * number)) for number in range(600)]


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_is_a_valid_run_and_needs_no_download_to_be_checked(name, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    config, text = load_config(name), (REPOSITORY / "configs" / f"{name}.py").read_text()
    if config.task.tokenizer is None:
        config = dataclasses.replace(config, task=Words())
    made_for = re.search(r"Made for (\d+) devices", text)
    config.validate(devices=int(made_for.group(1)) if made_for else 1)
    assert config.name == name


def test_the_presets_of_the_paper_are_its_eleven_models_at_its_recipe():
    runs = {name: load_config(name) for name in preset_names() if name.startswith("paper_")}
    assert len({run.init.path for run in runs.values()}) == 11
    for name, run in runs.items():
        assert (run.rollout.prompts, run.rollout.responses, run.update.steps_per_rollout) == (256, 8, 8)
        assert (run.rollout.prompt_tokens, run.rollout.response_tokens, run.rollout.temperature) == (2048, 8192, 1.0)
        assert run.optimizer.learning_rate == (1e-6 if "32b" in name else 5e-7)
        assert (run.optimizer.weight_decay, run.optimizer.max_gradient_norm) == (0.0, 1.0)
    fractions = {name: run.loss.penalties[0].fraction for name, run in runs.items() if run.loss.penalties}
    assert fractions == {"paper_qwen25_7b_kl_cov": 2e-3, "paper_qwen25_32b_kl_cov": 2e-4}
    assert {run.loss.gates[0].fraction for run in runs.values() if run.loss.gates} == {2e-4}


@pytest.mark.parametrize("name", preset_names())
def test_a_preset_states_its_own_command(name):
    docstring = (REPOSITORY / "configs" / f"{name}.py").read_text()
    assert f"{name}.py" in docstring or f"--config={name}" in docstring


def test_a_preset_is_the_same_by_name_and_by_path():
    assert load_config("countdown_grpo") == load_config(str(REPOSITORY / "configs" / "countdown_grpo.py"))


def test_a_file_anywhere_derives_from_a_preset_and_from_its_neighbour(tmp_path):
    write(tmp_path, "STEPS = 7\n", "neighbour.py")
    path = write(
        tmp_path,
        "import dataclasses\nfrom configs import countdown_grpo, neighbour\nfrom . import neighbour as again\n"
        "def get_config():\n    assert again is neighbour\n"
        "    return dataclasses.replace(countdown_grpo.get_config(), steps=neighbour.STEPS)\n",
    )
    assert load_config(path).steps == 7


def test_an_edited_neighbour_is_read_anew(tmp_path):
    path = write(
        tmp_path,
        "import dataclasses\nfrom configs import countdown_grpo, n\n"
        "def get_config():\n    return dataclasses.replace(countdown_grpo.get_config(), steps=n.STEPS)\n",
    )
    for steps in (7, 123):  # of different length: Python's cache knows a file by its second and its size
        write(tmp_path, f"STEPS = {steps}\n", "n.py")
        assert load_config(path).steps == steps


def test_loading_leaves_the_imported_modules_as_they_were(tmp_path):
    import configs

    before = {name: module for name, module in sys.modules.items() if name.split(".")[0] == "configs"}
    load_config("countdown_clip_cov")
    assert {name: module for name, module in sys.modules.items() if name.split(".")[0] == "configs"} == before
    assert sys.modules["configs"] is configs


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = (\n", "line 1, is not Python"),
        ("\n1 / 0\n", "line 2, raised ZeroDivisionError"),
        ("import no_such_module\n", "No module named 'no_such_module'"),
        ("def get_config():\n    return later\n", "line 2, raised NameError"),
        ("CONFIG = 1\n", "has no get_config()"),
        ("get_config = 3\n", "has no get_config()"),
        ("def get_config():\n    return {}\n", "returned a dict; it must return a Config"),
    ],
)
def test_a_broken_file_says_what_and_where(tmp_path, text, words):
    with pytest.raises(ValueError, match="mine.py") as error:
        load_config(write(tmp_path, text))
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("countdown_gpro", "countdown_grpo"),
        ("configs/countdown_grp.py", "countdown_grpo"),
        ("xyz", "the presets are"),
        ("", "--config is empty"),
        ("configs", "is a folder"),
        ("pyproject.toml", "must end in .py"),
    ],
)
def test_a_wrong_name_is_answered_with_right_ones(spec, words, monkeypatch):
    monkeypatch.chdir(REPOSITORY)
    with pytest.raises(ValueError) as error:
        load_config(spec)
    assert words in str(error.value)


def test_a_wheel_finds_its_presets_in_an_empty_folder(tmp_path):
    """The wheel is built by the installed backend and unpacked, so that nothing is fetched."""
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path / "dist")]
    subprocess.run(build, cwd=REPOSITORY, check=True, capture_output=True)
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    subprocess.run([sys.executable, "-m", "zipfile", "-e", wheel, tmp_path / "site"], check=True)
    (tmp_path / "empty").mkdir()
    program = (
        f"import sys; sys.path = [p for p in sys.path if p != {str(REPOSITORY)!r}]\n"
        "import entropy_rl.presets as presets\n"
        "config = presets.load_config('countdown_clip_cov')\n"
        "sys.stdout.write(f'{presets.__file__} {config.name}')\n"
    )
    command = [sys.executable, "-c", program]
    site = str(tmp_path / "site")
    result = subprocess.run(
        command,
        cwd=tmp_path / "empty",
        env={"PYTHONPATH": site, "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout == f"{site}/entropy_rl/presets.py countdown_clip_cov"
