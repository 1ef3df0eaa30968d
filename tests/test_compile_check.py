"""The command that compiles a run for a slice that is not there: its answers to mistakes, and a run on v5e:2x4."""

from __future__ import annotations

import importlib.util
import json
import os
import pathlib
import subprocess
import sys

import pytest
from absl import flags

from entropy_rl import compile_check
from tests import flagsaver

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
TINY = str(REPOSITORY / "tests" / "tiny_slice_run.py")
needs_compiler = pytest.mark.skipif(importlib.util.find_spec("libtpu") is None, reason="libtpu is not installed")


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("TPU_", "ALLOW_", "JAX_PLAT"))}
    return subprocess.run(
        [sys.executable, "-m", "entropy_rl.compile_check", *arguments],
        capture_output=True, text=True, cwd=REPOSITORY, env=clean | environment,
    )  # fmt: skip


@pytest.fixture
def config():
    if not flags.FLAGS.is_parsed():
        flags.FLAGS(["test"])

    def read(devices: int, *changes: str):
        with flagsaver.flagsaver(**{compile_check._CONFIG.name: TINY, compile_check._SET.name: list(changes)}):
            return compile_check._config(devices)

    return read


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (["--config=countdown_grpo"], "--topology=v6e:4x4"),
        (["--config=countdown_grpo", "--topology=v6x:4x4"], "did you mean v6e"),
        (["--config=countdown_grpo", "--topology=v5p-127"], "v5p-128"),
    ],
)
def test_a_slice_that_is_none_is_answered_before_anything_is_imported(arguments, remedy):
    done = command(*arguments)
    assert done.returncode and remedy in done.stderr and "Traceback" not in done.stderr


def test_a_mesh_that_does_not_cover_the_slice_is_refused(config):
    with pytest.raises(ValueError, match="does not fit 16 devices"):
        config(16)


def test_batches_that_do_not_split_over_the_slice_are_refused(config):
    with pytest.raises(ValueError, match="does not split over 8 devices"):
        config(16, "mesh.fsdp=8")


@pytest.mark.parametrize(("pieces", "most"), [(8, 2), (4, 2)])
def test_pieces_that_every_device_would_sample_whole_are_refused(config, pieces, most):
    fields = ("rollout.prompts=32", "update.mini_batches=1", "update.micro_batches=1", "mesh.fsdp=16", "mesh.tensor=1")
    with pytest.raises(ValueError, match=rf"a piece of {32 // pieces} prompts .* over 16 devices .*pieces={most} or"):
        config(16, *fields, f"rollout.pieces={pieces}")
    config(16, *fields, "rollout.pieces=2")


def test_no_tokenizer_and_no_data_are_needed(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    if not flags.FLAGS.is_parsed():
        flags.FLAGS(["test"])
    with flagsaver.flagsaver(**{compile_check._CONFIG.name: "tpu_v6e_16_qwen25_7b"}):
        config = compile_check._config(16)
    assert config.text_tokenizer.pad_id >= 0 and config.rollout.prompt_tokens == 2048


@needs_compiler
@pytest.mark.slow
def test_a_small_run_compiles_for_a_slice_and_sends_nothing_that_it_should_not(tmp_path):
    out = tmp_path / "found.json"
    done = command(f"--config={TINY}", "--topology=v5litepod-8", f"--out={out}")
    assert done.returncode == 0, done.stderr
    found = json.loads(out.read_text())
    programs = {program["name"]: program for program in found["programs"]}
    assert set(programs) == {"publish", "sampling", "mini-batch", "update"} and found["fits"]
    assert not [fault for program in programs.values() for fault in program["faults"]]
    assert "all-gather" not in programs["sampling"]["collectives"]  # rows stay where they are, weights are whole
    update = programs["update"]["collectives"]
    assert update["all-gather"]["count"] > 3 * 2  # the weights of each layer, split over fsdp
    assert update["all-gather"]["sent"] < 200e6 and update.get("all-to-all", {"bytes": 0})["bytes"] < 20e6
    assert "nothing was run" in done.stdout and "fits: " in done.stdout


@needs_compiler
@pytest.mark.slow
def test_a_run_that_does_not_fit_says_by_how_much_and_what_to_change():
    done = command(
        f"--config={TINY}", "--topology=v5e:2x4", "--only=sampling", "--set", "policy.layers=64",
        "--set", "rollout.prompts=256", "--set", "rollout.response_tokens=16384",
    )  # fmt: skip
    assert done.returncode == 1
    assert "GiB too many" in done.stdout and "rollout.pieces=" in done.stdout and "does not fit" in done.stdout
