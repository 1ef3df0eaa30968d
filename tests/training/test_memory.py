"""The memory table against arrays that were really made, and an exhausted device explained."""

from __future__ import annotations

import dataclasses
import types

import jax
import jax.numpy as jnp
import pytest
from etils import epath

from entropy_rl.config import Config, RolloutConfig, UpdateConfig
from entropy_rl.models.decoder import Decoder
from entropy_rl.models.lora import Lora
from entropy_rl.parallel import devices
from entropy_rl.parallel.mesh import make_mesh
from entropy_rl.training import learner, memory

POLICY = Decoder(vocab_size=64, layers=2, width=16, heads=2, kv_heads=1, head_width=8, feed_forward=32)


def config(**changes) -> Config:
    fields = {
        "policy": POLICY,
        "rollout": RolloutConfig(prompts=8, responses=4),
        "update": UpdateConfig(mini_batches=2),
    }
    return Config(**{**fields, **changes})


def placed(config: Config, with_reference: bool = False) -> learner.Placement:
    return learner.place(make_mesh(config.mesh), config.policy, config.optimizer, with_reference)


def rows(config: Config, **kwargs) -> dict[str, int]:
    return {row.what: row.bytes for row in memory.table(config, placed(config, **kwargs), 10, 6).rows}


def bytes_of(tree) -> int:
    return sum(leaf.nbytes for leaf in jax.tree.leaves(tree))


def test_the_state_is_counted_to_the_byte():
    found = rows(config(), with_reference=True)
    state = learner.new_state(POLICY.init(jax.random.key(0)), config().optimizer, with_reference=True)
    assert found["trained parameters"] == bytes_of(state.params)
    assert found["optimiser"] == bytes_of(state.opt_state)
    assert found["reference policy"] == bytes_of(state.reference)


def test_keys_and_values_are_those_of_the_caches():
    params = POLICY.init(jax.random.key(0))
    prompts = jnp.zeros((8, 10), jnp.int32)
    cache, _ = POLICY.prefill(params, prompts, prompts == 0)
    assert rows(config())["keys and values"] == bytes_of(cache) + bytes_of(POLICY.response_cache(32, 6))


def test_slots_and_fewer_bits_take_less_room():
    params, prompts = POLICY.init(jax.random.key(0)), jnp.zeros((8, 10), jnp.int32)
    cut = dataclasses.replace(config(), rollout=dataclasses.replace(config().rollout, slots=12, cache="int8"))
    shared, _ = POLICY.prefill(params, prompts, prompts == 0, "int8")
    alone, _ = POLICY.prefill(params, jnp.zeros((12, 10), jnp.int32), jnp.zeros((12, 10), bool), "int8")
    expected = bytes_of(shared) + bytes_of(alone) + bytes_of(POLICY.response_cache(12, 6, "int8"))
    assert rows(cut)["keys and values"] == expected


def test_weights_that_rollouts_read_in_place_are_not_counted_twice():
    assert "weights as rollouts read them" not in rows(config())
    half = dataclasses.replace(POLICY, compute_dtype="bfloat16")
    params = bytes_of(POLICY.init(jax.random.key(0)))
    assert rows(config(policy=half))["weights as rollouts read them"] == params // 2


def test_adapters_are_trained_and_what_is_under_them_is_frozen():
    adapted = dataclasses.replace(POLICY, lora=Lora(rank=2), param_dtype="bfloat16")
    found = rows(config(policy=adapted))
    assert found["frozen weights"] == bytes_of(POLICY.init(jax.random.key(0))) // 2
    assert found["trained parameters"] * 2 < found["optimiser"] + 64  # two moments and a few counts
    checkpoint = memory.checkpoint_bytes(placed(config(policy=adapted)))
    assert checkpoint < found["frozen weights"]


def test_gradients_of_several_micro_batches_are_summed_in_float32():
    half = dataclasses.replace(POLICY, param_dtype="bfloat16")
    one = rows(config(policy=half))["gradients"]
    many = rows(config(policy=half, update=UpdateConfig(mini_batches=2, micro_batches=2)))["gradients"]
    assert many == 2 * one


def test_recomputed_layers_and_more_micro_batches_need_less():
    wide = UpdateConfig(mini_batches=1)
    kept = rows(config(update=wide))["activations"]
    assert rows(config(update=wide, policy=dataclasses.replace(POLICY, remat="full")))["activations"] < kept
    assert rows(config(update=dataclasses.replace(wide, micro_batches=4)))["activations"] < kept


def test_the_table_says_what_is_estimated_and_how_much_is_there():
    text = str(memory.table(config(), placed(config()), 10, 6))
    assert "trained parameters" in text and "available" in text
    assert [line for line in text.splitlines() if "activations" in line][0].endswith("estimated")


def test_running_out_names_phase_shortfall_and_three_changes():
    small = memory.Table((memory.Row("weights", 3 << 30), memory.Row("activations", 2 << 30, ("update",))), 4 << 30)
    watch = memory.Watch(config(), small)

    def exhausts():
        return jnp.zeros(1 << 50, jnp.int8).block_until_ready()  # a pebibyte

    with pytest.raises(memory.OutOfMemoryError) as raised, watch.explained():
        watch.during("update", exhausts)()
    text = str(raised.value)
    assert "out of memory in the update" in text
    assert "needs 5.00 GiB per device of 4.00 GiB available, 1.00 too many" in text
    changes = text.split("In order of effect: ")[1].split("; ")
    assert len(changes) == 3 and changes[0] == "update.micro_batches=2" and "remat=full" in changes[1]


def test_another_error_passes_as_it_is():
    watch = memory.Watch(config(), memory.Table((), None))
    with pytest.raises(ZeroDivisionError), watch.explained():
        raise ZeroDivisionError


def test_remedies_leave_out_what_was_done_already():
    done = config(
        policy=dataclasses.replace(POLICY, remat="full", param_dtype="bfloat16", lora=Lora()),
        update=UpdateConfig(mini_batches=2, micro_batches=4),
    )
    assert memory.remedies(done, "update")[0] == "optimizer.moments_dtype=bfloat16"
    assert not any("micro_batches" in remedy or "remat" in remedy for remedy in memory.remedies(done, "update"))


def test_remedies_are_configs_that_the_mesh_does_not_refuse():
    cut = config(rollout=RolloutConfig(prompts=24, responses=4, pieces=2), update=UpdateConfig(mini_batches=1))
    assert "rollout.pieces=3" in memory.remedies(cut, "rollout", shards=4)
    assert "rollout.pieces=6" in memory.remedies(
        dataclasses.replace(cut, rollout=dataclasses.replace(cut.rollout, pieces=3)), "rollout", shards=4
    )  # 4 pieces of 6 prompts would not split
    assert not any("pieces" in remedy for remedy in memory.remedies(cut, "rollout", shards=12))
    assert "update.micro_batches=3" in memory.remedies(cut, "update", shards=8)
    assert not any("micro_batches" in remedy for remedy in memory.remedies(cut, "update", shards=24))


def test_a_checkpoint_larger_than_the_disk_is_refused_before_anything_runs(tmp_path):
    with pytest.raises(ValueError, match=r"a checkpoint needs 931322.57 GiB and .* free; free some"):
        memory.require_disk(epath.Path(tmp_path / "run"), needed=10**15, keep=2)


@pytest.mark.parametrize(
    ("platform", "capability", "dtype"),
    [("cpu", None, "float32"), ("tpu", None, "bfloat16"), ("gpu", "7.5", "float32"), ("gpu", "8.0", "bfloat16"),
     ("gpu", "9.0", "bfloat16"), ("gpu", "gfx90a", "bfloat16")],
)  # fmt: skip
def test_the_default_type_is_the_one_that_matrix_units_take(platform, capability, dtype):
    device = types.SimpleNamespace(platform=platform, device_kind="test", compute_capability=capability)
    automatic = dataclasses.replace(POLICY, compute_dtype="auto")
    assert devices.concrete(automatic, device).compute_dtype == dtype
    assert devices.concrete(POLICY, device) is POLICY  # a stated type is never changed


def test_the_limit_is_that_of_a_device_of_this_process(monkeypatch):
    """The first of a mesh may be another host's: nobody else can ask it."""

    def unreachable():
        raise jax.errors.JaxRuntimeError(
            "INVALID_ARGUMENT: MemoryStats is only supported for addressable PjRt devices."
        )

    def device(process: int, statistics):
        return types.SimpleNamespace(platform="gpu", device_kind="test", process_index=process, memory_stats=statistics)

    theirs, mine = device(0, unreachable), device(1, lambda: {"bytes_limit": 5 << 30})
    monkeypatch.setattr(jax, "process_index", lambda: 1)
    assert devices.own([theirs, mine]) == [mine] and devices.own([theirs]) == [theirs]
    assert devices.memory_bytes(devices.own([theirs, mine])[0]) == 5 << 30
    assert devices.memory_bytes(theirs) is None


def test_a_tpu_that_does_not_tell_its_memory_has_what_is_published():
    lite = types.SimpleNamespace(platform="tpu", device_kind="TPU v5 lite", memory_stats=lambda: None)
    assert devices.memory_bytes(lite) == 16 << 30
