"""A run saved on eight devices goes on with four, with one, and with eight again; its metrics stay what they were."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import jax
import numpy as np
import pytest
from etils import epath

from entropy_rl import presets, training
from entropy_rl.config import Config
from entropy_rl.parallel.mesh import make_mesh
from entropy_rl.training import learner
from entropy_rl.training.checkpoints import restore_params
from entropy_rl.training.workdirs import CHECKPOINTS
from tests.training.resuming import CONFIG_FILE, MEASURED_IN_SECONDS, REPOSITORY, final_state

TOLERANCE = 1e-4


LOOPED = CONFIG_FILE.with_name("looped_run.py")


def go_on(file: pathlib.Path, workdir: pathlib.Path, bases: pathlib.Path, devices: int, steps: int) -> None:
    command = [sys.executable, "-m", "entropy_rl.train", f"--config={file}", f"--workdir={workdir}"]
    command += [f"--bases={bases}", "--set", "rollout.prompts=16", "--set", f"steps={steps}"]
    flags = f"--xla_force_host_platform_device_count={devices}"
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "XLA_FLAGS": flags}
    done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr[-3000:]
    assert f"{devices} x" in done.stderr  # so many there were


@pytest.mark.slow
@pytest.mark.parametrize("file", [CONFIG_FILE, LOOPED], ids=lambda file: file.stem)
def test_a_run_moved_between_meshes_has_the_metrics_of_the_run_that_stayed(file, tmp_path):
    bases = tmp_path / "bases"
    go_on(file, tmp_path / "whole", bases, devices=8, steps=8)
    for devices, steps in ((8, 2), (4, 4), (1, 6), (8, 8)):
        go_on(file, tmp_path / "moved", bases, devices, steps)
    _require_its_weights(tmp_path / "whole", presets.load_config(str(file)).resolved())
    whole, moved = (training.Run(epath.Path(tmp_path / name)) for name in ("whole", "moved"))
    assert [record["step"] for record in moved.metrics] == list(range(9))
    differences = {}
    for mine, theirs in zip(whole.metrics, moved.metrics, strict=True):
        for name in mine.keys() | theirs.keys():
            if not name.startswith(MEASURED_IN_SECONDS):
                differences[mine["step"], name] = abs(mine[name] - theirs[name])
    worst = max(differences, key=lambda place: differences[place])
    assert differences[worst] <= TOLERANCE, (worst, differences[worst])
    figures, theirs = (jax.tree.leaves_with_path(run.summary["test"]) for run in (whole, moved))
    assert [path for path, _ in figures] == [path for path, _ in theirs] and len(figures) > 10
    for (path, value), (_, other) in zip(figures, theirs, strict=True):
        np.testing.assert_allclose(other, value, atol=TOLERANCE, err_msg=jax.tree_util.keystr(path))


def _require_its_weights(workdir: pathlib.Path, config: Config) -> None:
    """That a run on one device can start from the weights of this one, which was saved on eight."""
    placed = learner.place(make_mesh(config.mesh), config.policy, config.optimizer, with_reference=False)
    params, _ = restore_params(workdir / CHECKPOINTS, placed.base)
    saved = final_state(workdir, config)
    for path, leaf in jax.tree_util.tree_flatten_with_path({"params": params})[0]:
        (name,) = [name for name in saved if name.endswith(jax.tree_util.keystr(path[1:])) and "params" in name[:8]]
        np.testing.assert_array_equal(np.asarray(leaf), saved[name])
