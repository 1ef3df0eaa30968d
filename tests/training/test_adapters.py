"""A run that trains adapters alone: what moves, what is saved, what comes back, what another run starts from."""

from __future__ import annotations

import dataclasses

import jax
import numpy as np
import pytest

from entropy_rl import training
from entropy_rl.config import Config
from entropy_rl.inits import FromRun
from entropy_rl.models.lora import Lora
from entropy_rl.parallel.mesh import make_mesh
from entropy_rl.training import checkpoints, learner, starting, workdirs
from tests.training import tiny_run


def adapted(**changes) -> Config:
    config = tiny_run.get_config()
    policy = dataclasses.replace(config.policy, lora=Lora(rank=4))
    return dataclasses.replace(config, policy=policy, **changes)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    where = tmp_path_factory.mktemp("adapted") / "run"
    training.run(adapted(steps=4), str(where))
    return where


def placement_of(config: Config) -> learner.Placement:
    config = config.resolved()
    return learner.place(make_mesh(config.mesh), config.policy, config.optimizer, with_reference=False)


def silent(*_):
    pass


def test_a_checkpoint_holds_the_adapters_and_nothing_else(folder):
    placement = placement_of(adapted())
    names = {path[-1].key for path, _ in jax.tree.leaves_with_path(placement.params)}
    assert names and all(name.endswith(("_lora_a", "_lora_b")) for name in names)
    store = checkpoints.Checkpoints(folder / workdirs.CHECKPOINTS, read_only=True)
    saved = store.restore(learner.saved(placement.state)).state
    store.close()
    assert saved.frozen is None
    kept = sum(leaf.size for leaf in jax.tree.leaves(saved.params))
    assert kept == sum(leaf.size for leaf in jax.tree.leaves(placement.params))


def test_adapters_move_and_what_is_under_them_does_not(folder):
    config = adapted().resolved()
    placement = placement_of(config)
    with jax.set_mesh(placement.mesh):
        before = starting.params(config, placement, folder.parent / "bases", silent)
        after, _ = starting.restored(config, placement, folder, None, folder.parent / "bases", silent)
    moved = jax.tree.map(lambda a, b: bool(np.any(np.asarray(a) != np.asarray(b))), before, after)
    for path, changed in jax.tree.leaves_with_path(moved):
        assert changed == path[-1].key.endswith(("_lora_a", "_lora_b")), path


def test_a_resumed_run_ends_in_the_same_bits(folder, tmp_path):
    where = tmp_path / "resumed"
    training.run(adapted(steps=2), str(where), bases=str(folder.parent / "bases"))
    training.run(adapted(steps=4), str(where), bases=str(folder.parent / "bases"))
    placement = placement_of(adapted())
    read = lambda path: checkpoints.restore_params(path / workdirs.CHECKPOINTS, placement.params, 4)[0]  # noqa: E731
    jax.tree.map(np.testing.assert_array_equal, read(folder), read(where))


def test_another_run_starts_from_the_merged_policy(folder):
    config = dataclasses.replace(tiny_run.get_config(), init=FromRun(str(folder))).resolved()
    placement = placement_of(config)
    with jax.set_mesh(placement.mesh):
        merged = starting.params(config, placement, folder.parent / "bases", silent)
        source = adapted().resolved()
        joined, _ = starting.restored(source, placement_of(source), folder, None, folder.parent / "bases", silent)
    tokens = np.arange(24).reshape(4, 6) % 12
    mask, answers = np.ones((4, 6), bool), np.arange(32).reshape(4, 8) % 12
    theirs = source.policy.response_hidden(joined, tokens, mask, answers)
    ours = config.policy.response_hidden(merged, tokens, mask, answers)
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
