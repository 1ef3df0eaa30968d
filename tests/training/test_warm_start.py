"""A base is made once for all runs that share what made it, and again if it was damaged."""

from __future__ import annotations

import dataclasses

import jax
import numpy as np
import pytest
from etils import epath

from entropy_rl import presets
from entropy_rl.config import Config
from entropy_rl.parallel.mesh import make_mesh
from entropy_rl.training import learner, warm_start
from tests.training.resuming import CONFIG_FILE

CONFIG: Config = presets.load_config(str(CONFIG_FILE)).resolved()


@pytest.fixture
def placed():
    return learner.place(make_mesh(CONFIG.mesh), CONFIG.policy, CONFIG.optimizer, False).params


def test_a_base_is_found_again_and_made_again_when_damaged(tmp_path, placed, monkeypatch):
    bases, shown = epath.Path(tmp_path), []
    make = lambda: warm_start.base_params(CONFIG, CONFIG.init, bases, placed, lambda *at: shown.append(at))  # noqa: E731
    first = make()
    assert [at[:2] for at in shown] == [(5, 5)]
    again = make()
    assert len(shown) == 1  # found
    (folder,) = [path for path in tmp_path.iterdir() if path.is_dir()]
    (folder / "5" / "state" / "_METADATA").unlink()
    repaired = make()
    assert len(shown) == 2  # made again
    for other in (again, repaired):
        jax.tree.map(np.testing.assert_array_equal, first, other)


def test_a_base_that_cannot_be_read_now_is_kept(tmp_path, placed, monkeypatch):
    def failing(*_):
        raise ValueError("UNAVAILABLE: GCS request failed: HTTP 503")

    monkeypatch.setattr(warm_start.checkpoints, "restore_params", failing)
    (tmp_path / "base").mkdir()
    with pytest.raises(ValueError, match="UNAVAILABLE"):
        warm_start._is_whole(epath.Path(tmp_path / "base"), placed)
    assert (tmp_path / "base").exists()


@pytest.mark.parametrize("change", [{"seed": 1}, {"steps": 6}, {"learning_rate": 1e-3}])
def test_whatever_makes_another_base_gives_it_another_name(change):
    other = dataclasses.replace(CONFIG, init=dataclasses.replace(CONFIG.init, **change))
    assert warm_start.content_hash(other) != warm_start.content_hash(CONFIG)
    assert warm_start.content_hash(dataclasses.replace(CONFIG, seed=9, steps=3)) == warm_start.content_hash(CONFIG)
