"""Every notebook runs from its first cell to its last, with small settings; again, and goes on where it was."""

import html
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import types

import pytest

from tests.notebooks import cells
from tests.training import words

NAMES = ("quickstart", "entropy_lab", "combining_controls", "your_own_model_and_reward")
SMALL = [
    "init.steps=5",
    "init.batch=8",
    "init.demonstrations=16",
    "policy.width=16",
    "policy.heads=2",
    "policy.kv_heads=1",
    "policy.head_width=8",
    "policy.feed_forward=32",
    "rollout.prompts=4",
    "rollout.responses=4",
    "update.mini_batches=1",
    "task.validation_problems=8",
    "task.test_problems=8",
    "evaluation.problems=4",
    "evaluation.test_problems=8",
    "evaluation.samples=4",
    "evaluation.every=4",
    "checkpoint.every=8",
    "checkpoint.samples_every=8",
]


def settings(name: str, folder) -> dict:
    chosen = {"workdir": str(folder / "work"), "steps": 16, "change": SMALL}
    if name == "quickstart":
        chosen |= {"samples": 8}
    if name == "your_own_model_and_reward":
        sizes = {"steps": 2, "prompts": 4, "responses": 4, "response_tokens": 6, "problems": 4}
        chosen |= {"model": words.write_model(folder / "model"), "change": ["policy.compute_dtype=float32"], **sizes}
    return chosen


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs_whole_and_a_second_time_trains_nothing(name, tmp_path, monkeypatch):
    monkeypatch.setenv("ENTROPY_RL_NOTEBOOK", json.dumps(settings(name, tmp_path)))
    sources = cells.code(cells.read(name))
    shown = [value for value in cells.run(sources) if hasattr(value, "_repr_html_")]
    assert shown, "a notebook shows something"
    for value in shown:
        frame = cells.page(value)
        page = html.unescape(re.search(r'srcdoc="([^"]*)"', frame)[1])  # pyright: ignore[reportOptionalSubscript]
        assert page.startswith("<!doctype html>") and ("<svg" in page or "None of these runs" in page)
        assert not re.findall(r".{200}\bnan\b.{20}", page, re.DOTALL)
    assert sum("&lt;svg" in cells.page(value) for value in shown) > len(shown) / 2
    stamps = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("metrics.jsonl")}
    assert stamps
    cells.run(sources)  # as after a disconnect: what has ended is left as it is
    assert stamps == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("metrics.jsonl")}


def test_an_export_that_was_cut_off_passes_for_none_and_more_steps_make_another(tmp_path, monkeypatch):
    (source,) = [text for text in cells.code(cells.read("your_own_model_and_reward")) if "entropy_rl.convert" in text]
    files = ["config.json"]

    def convert(command: list[str], check: bool, env: dict[str, str]) -> None:
        assert check and env["JAX_PLATFORMS"] == "cpu" and env["PATH"]  # the kernel holds the accelerator
        folder = pathlib.Path(command[-1].removeprefix("--out="))
        folder.mkdir()  # as the command, which refuses a folder that holds something
        (folder / files[0]).touch()
        if files[0] == "part":
            raise KeyboardInterrupt

    monkeypatch.setattr(subprocess, "run", convert)

    def shown(steps: int) -> list[str]:
        run = types.SimpleNamespace(summary={"steps": steps})
        names = {"WORKDIR": str(tmp_path), "run": run, "os": os, "pathlib": pathlib, "shutil": shutil, "sys": sys}
        return cells.value(source, names | {"subprocess": subprocess}, "export")

    files[0] = "part"
    with pytest.raises(KeyboardInterrupt):
        shown(2)
    files[0] = "config.json"
    assert shown(2) == ["config.json"]
    files[0] = "again"
    assert shown(2) == ["config.json"] and shown(4) == ["again"]


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_stored_without_outputs_and_without_anybodys_paths(name):
    notebook = cells.read(name)
    assert notebook["nbformat"] == 4 and len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None
    text = "".join(line for cell in notebook["cells"] for line in cell["source"])
    paths = set(re.findall(r"(?<![\w.])/(?:home|root|work|tmp|Users|content)/\S*", text))
    assert all(path.startswith("/content/drive") for path in paths), paths  # Colab's, the same for everybody


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_installs_asks_for_drive_on_colab_and_explains_each_step(name):
    notebook = cells.read(name)
    first, second = cells.code(notebook)[:2]
    assert 'find_spec("entropy_rl")' in first and "drive.mount" in second and "ENTROPY_RL_NOTEBOOK" in second
    kinds = [cell["cell_type"] for cell in notebook["cells"]]
    assert kinds[0] == "markdown" and kinds.count("markdown") >= 4
    assert notebook["cells"][0]["source"][0].startswith("# ")
    assert all(len(line) < 160 for cell in notebook["cells"] for line in cell["source"])
