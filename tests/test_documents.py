"""What the documents say is so: the README's Python builds, the commands exist, the maps and the lock are whole."""

from __future__ import annotations

import ast
import dataclasses
import functools
import importlib.util
import pathlib
import re
import shlex
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from benchmarks.lab_rows import CLAIMS
from entropy_rl import overrides
from entropy_rl.config import Config
from entropy_rl.presets import load_config, preset_names, study_names
from entropy_rl.tasks import datasets
from tests.test_architecture import FLOORS, REPOSITORY, names

DOCUMENTS = [
    REPOSITORY / name
    for name in ("README.md", "CONTRIBUTING.md", "launch/README.md", "benchmarks/README.md", "docs/lab.md")
]
PRESETS = sorted(path for path in (REPOSITORY / "configs").rglob("*.py") if not path.stem.startswith("_"))
ABSL = {"help", "helpfull", "verbosity", "nouse_jax"}
MODULE = re.compile(r"python3? -m (entropy_rl[.\w]*)")
SCRIPT = re.compile(r"(?:python|bash) ((?:benchmarks|launch)/[\w/]+\.(?:py|sh))")
# What stands for a name that the reader fills in.
OPEN = re.compile(r"[A-Z_{<].*|(?!configs/).*\.py|\.\.\.|my_.*")


def lines_of(text: str) -> Iterator[str]:
    """Commands of a document: lines of code blocks and what stands between backticks."""
    blocks = re.findall(r"^```(?:bash|sh)?\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    yield from (line for block in blocks for line in block.splitlines())
    yield from re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))


def commands(line: str) -> Iterator[tuple[str, list[str]]]:
    """The package's modules that a line runs, with the words behind them; a comment stands behind two spaces."""
    for found in MODULE.finditer(line):
        rest = re.split(r"\s{2,}|\s[#|]|&&|;|\)", line[found.end() :])[0]
        words = re.sub(r"[\[\]]", " ", rest) if "[--" in rest else rest  # [--flag] may be left out
        yield found.group(1), shlex.split(words)


def flags_of(module: str) -> set[str]:
    spec = importlib.util.find_spec(module)
    assert spec is not None and spec.origin is not None, f"there is no {module}"
    return set(re.findall(r'DEFINE_\w+\(\s*"(\w+)"', pathlib.Path(spec.origin).read_text())) | ABSL


@functools.cache
def valid_with(name: str, changes: tuple[str, ...]) -> None:
    """That a preset takes these changes and is a run then, on the devices that it is made for.

    Raises:
      ValueError: if not.
    """
    made_for = re.search(r"Made for (\d+) devices", (REPOSITORY / "configs" / f"{name}.py").read_text())
    config = overrides.apply_overrides(load_config(name), list(changes))
    config.validate(devices=int(made_for[1]) if made_for else 1, data=False)


def wrong_words(module: str, words: list[str]) -> list[str]:
    """Flags that the command does not have, and configs, tasks and fields that there are none of."""
    known, wrong = flags_of(module), []
    given: dict[str, str] = {}
    changes: list[str] = []
    for at, word in enumerate(words):
        if word == "--set" or word.startswith("--set="):
            changes.append(word.partition("=")[2] or words[at + 1])
        elif word.startswith("--"):
            name, _, value = word[2:].partition("=")
            given[name] = value
            if name not in known and name.removeprefix("no") not in known:
                wrong.append(f"{module} has no --{name}")
    for config in filter(None, given.get("config", "").split(",")):
        there = study_names() + ["all"] if module.endswith(".experiment") else preset_names()
        if config not in there and not OPEN.fullmatch(config) and not (REPOSITORY / config).is_file():
            wrong.append(f"there is no config {config}")
    if (name := pathlib.Path(given.get("config", "")).stem) in preset_names():
        told = [one for one in changes if not OPEN.fullmatch(one.partition("=")[2])]
        valid_with(name, tuple(one for one in told if not one.startswith(("PATH", "path"))))
    tasks = given.get("tasks", "").split(",") if module.endswith(".evaluate") else []
    if module.endswith(".data") and words[:1] == ["prepare"]:
        tasks = [word for word in words[1:] if not word.startswith("--")]
    made = {"countdown", "countdown_hard", "countdown_multi_digit", "maze", "reversal", "running_sums"}
    wrong += [
        f"there is no dataset {name}"
        for name in tasks
        if not OPEN.fullmatch(name) and name and name not in made | set(datasets.BY_NAME)
    ]
    return wrong


@pytest.mark.parametrize("path", DOCUMENTS, ids=names)
def test_the_commands_of_a_document_exist_with_their_flags(path: pathlib.Path):
    wrong = [
        f"{line}: {fault}"
        for line in lines_of(path.read_text())
        for module, words in commands(line)
        for fault in wrong_words(module, words)
    ]
    assert not wrong


@pytest.mark.parametrize("path", DOCUMENTS, ids=names)
def test_the_scripts_that_a_document_calls_exist(path: pathlib.Path):
    assert not [name for name in SCRIPT.findall(path.read_text()) if not (REPOSITORY / name).is_file()]


@pytest.mark.parametrize("path", PRESETS, ids=names)
def test_the_command_of_a_preset_exists_with_its_flags(path: pathlib.Path):
    text = ast.get_docstring(ast.parse(path.read_text())) or ""
    assert not [
        fault for line in text.splitlines() for module, words in commands(line) for fault in wrong_words(module, words)
    ]


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("python -m entropy_rl.train --confg=countdown_grpo", "has no --confg"),
        ("python -m entropy_rl.train --config=countdown_gpro   # x", "no config countdown_gpro"),
        ("bash x && python -m entropy_rl.data prepare gsm9k", "no dataset gsm9k"),
        ("python -m entropy_rl.evaluate --run=r --tasks=gsm8k,mth", "no dataset mth"),
    ],
)
def test_a_wrong_command_is_found(line: str, fault: str):
    ((module, words),) = commands(line)
    (found,) = wrong_words(module, words)
    assert fault in found


def test_a_wrong_field_or_command_is_found():
    with pytest.raises(ValueError, match="stepz"):
        wrong_words("entropy_rl.train", ["--config=countdown_grpo", "--set", "stepz=3"])
    with pytest.raises(ValueError, match="fraction"):
        wrong_words("entropy_rl.train", ["--config=countdown_clip_cov", "--set", "loss.gates[0].fraction=0.02"])
    with pytest.raises((AssertionError, ModuleNotFoundError)):
        wrong_words("entropy_rl.trian", [])


@pytest.mark.parametrize("path", DOCUMENTS, ids=names)
def test_a_folder_of_a_document_is_that_of_one_run(path: pathlib.Path):
    """A second config in it is refused."""
    text = path.read_text()
    runs = set(re.findall(r'run\(load_config\("(\w+)"\), workdir="([\w/]+)"\)', text))
    for line in lines_of(text):
        for module, words in commands(line):
            given = dict(word[2:].split("=", 1) for word in words if re.match(r"--\w+=", word))
            if module.endswith(".train") and not OPEN.search(given.get("workdir", "NONE")):
                runs.add((" ".join(word for word in words if not word.startswith("--workdir")), given["workdir"]))
    folders = [folder for _, folder in runs]
    assert len(folders) == len(set(folders)), sorted(folders)


def test_the_readme_tells_published_claims_from_ours():
    ours = [claim for claim in CLAIMS.values() if claim.endswith("(ours)")]
    assert len(ours) == 5 and len(CLAIMS) - len(ours) == 36
    for path, title in (("README.md", "## The lab: 36 published"), ("docs/lab.md", "# The lab: 36 published")):
        assert f"{title} claims and five of ours" in (REPOSITORY / path).read_text()


def python_blocks() -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", (REPOSITORY / "README.md").read_text(), re.MULTILINE | re.DOTALL)


def imports_of(block: str) -> str:
    """What a block that is a mere expression leaves to its reader: the classes, found in the package by their names."""
    wanted, found = {node.id for node in ast.walk(ast.parse(block)) if isinstance(node, ast.Name)}, []
    for folder in ("losses", "controls"):
        for path in sorted((REPOSITORY / "entropy_rl" / folder).glob("*.py")):
            classes = {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.ClassDef)}
            found += [f"from entropy_rl.{folder}.{path.stem} import {name}" for name in sorted(wanted & classes)]
    return "\n".join(found)


def test_the_readme_has_python_and_all_of_it_is_python():
    blocks = python_blocks()
    assert len(blocks) >= 3
    for block in blocks:
        assert not re.search(r"load_config\(\"(?!(?:" + "|".join(preset_names()) + r")\")", block)
        for node in ast.parse(block).body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                exec(compile(ast.Module([node], []), "README.md", "exec"), {})  # that the names exist


@pytest.mark.parametrize("block", [block for block in python_blocks() if "def get_config" in block])
def test_a_config_of_the_readme_is_a_config(block: str):
    space: dict[str, Any] = {}
    exec(compile(block, "README.md", "exec"), space)
    config = space["get_config"]()
    assert isinstance(config, Config)
    assert overrides.flatten(config)["name"] == config.name


@pytest.mark.parametrize("block", [block for block in python_blocks() if block.startswith("loss = ")])
def test_a_loss_of_the_readme_is_valid_in_a_run(block: str):
    space: dict[str, Any] = {}
    exec(compile(imports_of(block) + "\n" + block, "README.md", "exec"), space)
    config = dataclasses.replace(load_config("countdown_grpo"), loss=space["loss"])
    config.validate(devices=1)
    assert config.loss.gates and config.loss.penalties


def test_the_map_of_the_house_is_that_of_the_architecture():
    text = (REPOSITORY / "CONTRIBUTING.md").read_text()
    rows = re.findall(r"^(\d)  (.*)$", text, re.MULTILINE)
    shown = {name: int(floor) for floor, rooms in rows for name in re.sub(r"\(.*?\)", "", rooms).split()}
    assert {name: floor for name, floor in shown.items() if floor < 6} == FLOORS
    (entries,) = re.findall(r"^6  entry points   \((.*)\)$", text, re.MULTILINE)
    modules = {path.stem for path in (REPOSITORY / "entropy_rl").glob("*.py") if path.stem != "__init__"}
    assert set(entries.split(", ")) == modules - set(FLOORS)


def test_the_lock_has_every_direct_dependency_of_every_extra():
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    wanted = [
        *project["dependencies"],
        *(each for extra in project["optional-dependencies"].values() for each in extra),
    ]
    lock = {line.partition("==")[0] for line in (REPOSITORY / "requirements.lock").read_text().split()}
    bare = {re.split(r"[\[<>=!~ ;]", each)[0].lower().replace("_", "-") for each in wanted}
    assert len(bare) > 25
    assert not bare - lock
    brought = {"jax[tpu]": "libtpu", "jax[cuda13]": "jax-cuda13-plugin", "jax[cuda12]": "jax-cuda12-plugin"}
    assert not {brought[each] for each in wanted if each in brought} - lock  # an extra of a dependency is locked too
