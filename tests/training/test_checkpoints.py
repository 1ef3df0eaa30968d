"""Checkpoints come back bit for bit, notice damage, and stand in for one another."""

import gc
import shutil
import time

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import tensorstore
from absl import logging

from entropy_rl.training.checkpoints import Checkpoints, abstract, restore_params
from entropy_rl.training.checksums import computed
from entropy_rl.types import TrainState

# A read that Orbax left pending may still be collected later, in any test of this file; see checkpoint_noise.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def example_state(seed=0, dtype=jnp.float32):
    key = jax.random.key(seed)
    params = {
        "embed": jax.random.normal(key, (64, 32), dtype),
        "layers": {"query": jax.random.normal(key, (2, 32, 32), dtype), "norm": jnp.ones((2, 32), dtype)},
    }
    optimizer = optax.chain(optax.clip_by_global_norm(1.0), optax.adamw(1e-3))
    return TrainState(step=jnp.int32(seed), params=params, opt_state=optimizer.init(params), controllers=())


def save(checkpoints, step, **kwargs):
    checkpoints.save(step, example_state(step), {"cursor": 10 * step}, {"version": "1"}, **kwargs)
    checkpoints.wait()


@pytest.fixture(autouse=True)
def _closed(monkeypatch):
    """Closes what a test opened, so that no background thread outlives it."""
    opened, original = [], Checkpoints.__init__

    def remember(self, *args, **kwargs):
        original(self, *args, **kwargs)
        opened.append(self)

    monkeypatch.setattr(Checkpoints, "__init__", remember)
    yield
    for checkpoints in opened:
        checkpoints.close()
    gc.collect()  # here, where the filter above holds, and not in the test of another file


@pytest.fixture
def saved(tmp_path):
    """Steps 1, 2 and 3."""
    checkpoints = Checkpoints(tmp_path / "checkpoints", keep=3)
    for step in (1, 2, 3):
        save(checkpoints, step)
    checkpoints.close()
    return tmp_path / "checkpoints"


def data_files(folder):
    """Every file of arrays: Orbax sometimes leaves a copy that nobody reads beside the one that counts."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("_")]
    largest = max(path.stat().st_size for path in files)
    return [path for path in files if path.stat().st_size > largest // 4]


def overwrite(step_folder):
    for path in data_files(step_folder / "state"):
        content = bytearray(path.read_bytes())
        content[len(content) // 2 : len(content) // 2 + 5] = b"wrong"
        path.write_bytes(content)


def truncate(step_folder):
    for path in data_files(step_folder / "state"):
        path.write_bytes(path.read_bytes()[:100])


def remove_metadata(step_folder):
    (step_folder / "state" / "_METADATA").unlink()


def remove_state(step_folder):
    shutil.rmtree(step_folder / "state")


def edit_cursor(step_folder):
    path = step_folder / "data" / "metadata"
    path.write_text(path.read_text().replace("30", "31"))


DAMAGES = [overwrite, truncate, remove_metadata, remove_state, edit_cursor]


def test_a_checkpoint_is_the_state_bit_for_bit_with_its_structure(tmp_path):
    state, data = example_state(7), {"cursor": 3, "carry": [[1, 2], []], "rate": 0.1}
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(7, state, data, {"config": {"lr": 1e-3}})
    restored = checkpoints.restore(abstract(state))
    chex.assert_trees_all_equal(restored.state, state)
    assert jax.tree.structure(restored.state) == jax.tree.structure(state)
    assert restored.state.reference is None and restored.state.controllers == ()
    assert (restored.data, restored.meta, restored.step) == (data, {"config": {"lr": 1e-3}}, 7)
    checkpoints.close()


def test_optional_parts_of_the_state_are_saved_too(tmp_path):
    state = example_state().replace(controllers=({"integral": jnp.float32(0.5)}, ()), reference=example_state(1).params)
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(0, state, {}, {})
    chex.assert_trees_all_equal(checkpoints.restore(abstract(state)).state, state)
    checkpoints.close()


def test_donating_the_state_right_after_save_does_not_reach_the_file(tmp_path):
    update = jax.jit(lambda state: jax.tree.map(lambda x: x + 1, state), donate_argnums=0)
    state, expected = example_state(3), example_state(3)
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(3, state, {}, {})
    for _ in range(5):
        state = update(state)
    chex.assert_trees_all_equal(checkpoints.restore(abstract(expected)).state, expected)
    checkpoints.close()


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_checkpoint_is_named_and_the_older_one_stands_in(saved, damage, caplog):
    damage(saved / "3")
    logging.get_absl_logger().propagate = True
    checkpoints = Checkpoints(saved)
    restored = checkpoints.restore(abstract(example_state()))
    assert restored.step == 2 and restored.data == {"cursor": 20}
    chex.assert_trees_all_equal(restored.state, example_state(2))
    assert "checkpoint 3" in caplog.text and "damaged" in caplog.text
    checkpoints.close()


def test_a_step_that_was_damaged_can_be_saved_again(saved):
    overwrite(saved / "3")
    checkpoints = Checkpoints(saved)
    checkpoints.restore(abstract(example_state()))
    save(checkpoints, 3)
    assert checkpoints.restore(abstract(example_state())).step == 3
    assert (saved / "damaged-3").exists() and checkpoints.all_steps() == [1, 2, 3]
    checkpoints.close()


def test_what_keeps_a_checkpoint_from_being_read_is_no_damage_to_it(saved, monkeypatch):
    fault = jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 1073741824 bytes.")

    def failing(*_):
        raise fault

    checkpoints = Checkpoints(saved)
    with monkeypatch.context() as patch, pytest.raises(type(fault)) as raised:
        patch.setattr("entropy_rl.training.checkpoint_items.load", failing)
        checkpoints.restore(abstract(example_state()))
    assert raised.value is fault
    save(checkpoints, 4)  # sets aside what was found damaged
    assert not list(saved.glob("damaged-*")) and checkpoints.restore(abstract(example_state()), step=3).step == 3


def test_restoring_alone_changes_no_file(saved):
    overwrite(saved / "3")
    before = sorted(str(path) for path in saved.rglob("*"))
    checkpoints = Checkpoints(saved, read_only=True)
    checkpoints.restore(abstract(example_state()))
    checkpoints.close()
    assert sorted(str(path) for path in saved.rglob("*")) == before


def test_no_whole_checkpoint_lists_what_was_tried(saved):
    for step, damage in [("3", overwrite), ("2", truncate), ("1", remove_metadata)]:
        damage(saved / step)
    tried = r"(?s)step 3: .*checksum of params/.*step 2: .*Error reading.*step 1: .*_METADATA is missing"
    with pytest.raises(ValueError, match=tried):
        Checkpoints(saved).restore(abstract(example_state()))


def test_an_empty_folder_and_a_missing_step_are_told_apart_from_damage(tmp_path, saved):
    with pytest.raises(FileNotFoundError, match="no checkpoint$"):
        Checkpoints(tmp_path / "new").restore(abstract(example_state()))
    with pytest.raises(FileNotFoundError, match="of step 9"):
        Checkpoints(saved).restore(abstract(example_state()), step=9)


def test_a_state_of_another_model_is_a_mistake_and_not_damage(saved):
    state = example_state()
    other = state.replace(params={**state.params, "embed": jnp.zeros((64, 16))})
    with pytest.raises(ValueError, match=r"params/embed is saved as float32\[64, 32\], wanted as float32\[64, 16\]"):
        Checkpoints(saved).restore(abstract(other))
    with pytest.raises(ValueError, match="opt_state/.* is only in the checkpoint"):
        Checkpoints(saved).restore(abstract(state.replace(opt_state=())))


def test_the_newest_and_the_best_are_kept(tmp_path):
    checkpoints = Checkpoints(tmp_path, keep=2)
    for step, score in [(1, 0.2), (2, 0.9), (3, 0.5), (4, None), (5, 0.4), (6, None)]:
        save(checkpoints, step, metrics=None if score is None else {"validation/pass@1": score})
    assert checkpoints.all_steps() == [2, 5, 6] and checkpoints.best_step() == 2 and checkpoints.latest_step() == 6
    checkpoints.close()
    again = Checkpoints(tmp_path, keep=2)  # what was measured is remembered by the folder
    save(again, 7)
    assert again.all_steps() == [2, 6, 7]
    assert again.restore(abstract(example_state()), step=2).step == 2
    again.close()


def test_a_step_measured_after_it_was_saved_may_be_the_best_also_for_the_next_process(tmp_path):
    checkpoints = Checkpoints(tmp_path, keep=1)
    save(checkpoints, 1, metrics={"validation/pass@1": 0.5})
    save(checkpoints, 2)
    checkpoints.measure(2, {"validation/pass@1": 0.9})
    checkpoints.measure(1, {"validation/pass@1": 1.0})  # a second figure of the same step changes nothing
    assert checkpoints.best_step() == 2
    checkpoints.close()
    again = Checkpoints(tmp_path, keep=1)
    save(again, 3)
    assert again.all_steps() == [2, 3] and again.restore(abstract(example_state()), step=2).step == 2
    again.measure(3, {})
    assert again.best_step() == 2
    again.close()


def test_weights_alone_are_restored_whatever_the_optimiser(saved):
    overwrite(saved / "3")
    params, step = restore_params(saved, abstract(example_state().params))
    assert step == 2
    chex.assert_trees_all_equal(params, example_state(2).params)
    halves, _ = restore_params(saved, abstract(example_state(dtype=jnp.bfloat16).params))
    chex.assert_trees_all_equal(halves, jax.tree.map(lambda x: x.astype(jnp.bfloat16), example_state(2).params))


def test_checksums_asked_for_before_the_save_are_the_ones_that_are_verified(tmp_path):
    checkpoints, state = Checkpoints(tmp_path), example_state(1)
    checkpoints.save(1, state, {}, {}, sums=computed(state))
    assert checkpoints.restore(abstract(state)).step == 1
    checkpoints.save(2, state, {}, {}, sums=computed(example_state(2)))
    assert checkpoints.restore(abstract(state)).step == 1  # those of another state are damage


def test_restoring_the_weights_alone_reads_no_moment_of_the_optimiser(tmp_path):
    noise = jax.random.normal(jax.random.key(0), (5, 1_000_000))  # not compressible
    params = {"w": noise[0]}
    state = TrainState(step=jnp.int32(1), params=params, opt_state={"mu": noise[1:3], "nu": noise[3:]})
    checkpoints = Checkpoints(tmp_path)
    checkpoints.save(1, state, {}, {})
    checkpoints.close()

    def bytes_read() -> int:
        counted = tensorstore.experimental_collect_matching_metrics("/tensorstore/kvstore/file/bytes_read")
        return sum(int(value["value"]) for metric in counted for value in metric["values"])

    before = bytes_read()
    restored, _ = restore_params(tmp_path, abstract(params))
    assert 3e6 < bytes_read() - before < 6e6  # a million float32, compressed; the state has five
    chex.assert_trees_all_equal(restored, params)


def test_a_reader_leaves_a_write_under_way_alone(saved):
    unfinished = saved / "4.orbax-checkpoint-tmp"
    unfinished.mkdir()
    Checkpoints(saved, read_only=True).close()
    assert unfinished.exists()
    checkpoints = Checkpoints(saved)  # the trainer itself sweeps up what a killed one left
    save(checkpoints, 5)
    checkpoints.close()
    assert not unfinished.exists()


@pytest.mark.skipif(jax.device_count() < 8, reason="needs eight (forced) devices")
def test_a_checkpoint_moves_to_another_mesh(saved):
    from jax.sharding import AxisType, NamedSharding, PartitionSpec

    mesh = jax.make_mesh((8,), ("fsdp",), axis_types=(AxisType.Auto,))
    state = example_state(3)
    shardings = jax.tree.map(
        lambda x: NamedSharding(mesh, PartitionSpec(*["fsdp"] * (x.ndim > 1 and x.shape[0] == 64))), state
    )
    restored = Checkpoints(saved).restore(abstract(state, shardings)).state
    assert not restored.params["embed"].sharding.is_fully_replicated
    chex.assert_trees_all_equal(jax.device_get(restored), jax.device_get(state))


def test_a_full_disk_is_explained_before_anything_is_written(saved, monkeypatch):
    # 64 * 32 + 2 * 32 * 32 + 2 * 32 numbers, thrice (weights, two moments), and two counters: 49,928 bytes
    checkpoints = Checkpoints(saved)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9 - 1000, 1000))
    with pytest.raises(OSError, match=r"(?s)checkpoint 4 in .*needs 0\.05 MB.*\[1, 2, 3\] are intact.*free some space"):
        save(checkpoints, 4)
    monkeypatch.undo()
    save(checkpoints, 4)
    assert checkpoints.restore(abstract(example_state())).step == 4
    checkpoints.close()


def test_keeping_no_checkpoint_is_refused(tmp_path):
    with pytest.raises(ValueError, match="keep = 0"):
        Checkpoints(tmp_path, keep=0)


def test_orbax_does_not_fill_the_log(tmp_path, caplog):
    logging.get_absl_logger().propagate = True
    with caplog.at_level("INFO"):
        checkpoints = Checkpoints(tmp_path)
        save(checkpoints, 1)
        checkpoints.restore(abstract(example_state()))
        checkpoints.close()
    assert [record for record in caplog.records if "orbax" in record.pathname] == []


def test_saving_blocks_for_less_than_150_ms(tmp_path):
    checkpoints, seconds = Checkpoints(tmp_path), []
    for step in range(1, 6):
        start = time.perf_counter()
        checkpoints.save(step, example_state(0), {}, {})
        seconds.append(time.perf_counter() - start)
        checkpoints.wait()
    assert np.median(seconds) < 0.15
    checkpoints.close()
