"""Export: the same bytes come out as went in, a reader never sees half of it, and nothing is overwritten."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import load_file

from entropy_rl.models import checkpoints, lora, rope
from entropy_rl.models.checkpoints import blocks, writing
from entropy_rl.models.decoder import Decoder
from tests.models.checkpoints import example
from tests.models.checkpoints.example import QWEN

ORACLE = pathlib.Path(__file__).parents[1] / "oracle" / "data"


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("models") / "source"
    return example.write(folder, QWEN, example.tensors(QWEN, ml_dtypes.bfloat16), torch_dtype="bfloat16", mine="kept")


def params_of(folder: pathlib.Path, dtype=jnp.float32):
    return checkpoints.load(folder, QWEN, example.placed(QWEN, dtype))


@pytest.mark.parametrize("name", sorted(path.name for path in ORACLE.iterdir()))
def test_what_transformers_wrote_comes_out_bit_for_bit(name, tmp_path):
    decoder = checkpoints.read_decoder(ORACLE / name)
    params = checkpoints.load(ORACLE / name, decoder, example.placed(decoder))
    checkpoints.save(params, decoder, tmp_path / "out", source=ORACLE / name, shard_bytes=4000)
    assert len(list((tmp_path / "out").glob("*.safetensors"))) > 1
    assert example.raw_folder(tmp_path / "out") == example.raw_folder(ORACLE / name)
    assert checkpoints.read_config(tmp_path / "out") == checkpoints.read_config(ORACLE / name)


@pytest.mark.parametrize("name", ["qwen3", "gemma3"])
def test_what_was_trained_comes_back_bit_for_bit(name, tmp_path):
    decoder = checkpoints.read_decoder(ORACLE / name)
    params = checkpoints.load(ORACLE / name, decoder, example.placed(decoder))
    gradients = checkpoints.load(ORACLE / name / "gradients", decoder, example.placed(decoder))
    trained = jax.tree.map(lambda weights, gradient: weights - 1e-3 * gradient, params, gradients)
    checkpoints.save(trained, decoder, tmp_path / "out", source=ORACLE / name)
    again = checkpoints.load(tmp_path / "out", decoder, example.placed(decoder))
    jax.tree.map(np.testing.assert_array_equal, again, trained)


@pytest.mark.parametrize("through", [jnp.float32, jnp.bfloat16])
def test_bfloat16_weights_survive_float32_masters(source, through, tmp_path):
    checkpoints.save(params_of(source, through), QWEN, tmp_path / "out", source, dtype="bfloat16")
    assert example.raw_folder(tmp_path / "out") == example.raw_folder(source)


def test_the_safetensors_package_reads_it_and_its_config_is_the_source_s(source, tmp_path):
    checkpoints.save(params_of(source), QWEN, tmp_path / "out", source)
    stored = load_file(tmp_path / "out" / "model.safetensors")
    assert stored["model.layers.1.self_attn.q_proj.weight"].dtype == np.float32
    config = checkpoints.read_config(tmp_path / "out")
    assert config == checkpoints.read_config(source) | {"torch_dtype": "float32"} and config["mine"] == "kept"


def test_tables_leave_the_devices_in_blocks(source, monkeypatch, tmp_path):
    monkeypatch.setattr(blocks, "BLOCK", 7 * 16 * 4)  # 7 of 24 rows: 7 + 7 + 7 + 3
    params = params_of(source)
    checkpoints.save(params, QWEN, tmp_path / "out", dtype="float32")
    stored = load_file(tmp_path / "out" / "model.safetensors")
    np.testing.assert_array_equal(stored["lm_head.weight"], params["unembedding"])


def test_files_are_filled_up_to_the_limit(source, tmp_path):
    checkpoints.save(params_of(source), QWEN, tmp_path / "out", shard_bytes=5000)
    sizes = [sum(len(data) for _, _, data in example.raw(file).values()) for file in (tmp_path / "out").glob("model-*")]
    assert max(sizes) <= 5000 and len(sizes) == len({path.name for path in (tmp_path / "out").glob("model-*")})
    index = json.loads((tmp_path / "out" / "model.safetensors.index.json").read_text())
    assert (
        index["metadata"]["total_size"]
        == sum(sizes)
        == sum(4 * leaf.size for leaf in jax.tree.leaves(params_of(source)))
    )
    for name, file in index["weight_map"].items():
        assert name in example.raw(tmp_path / "out" / file)


def test_without_a_source_the_config_is_made_from_the_policy(source, tmp_path):
    checkpoints.save(params_of(source), QWEN, tmp_path / "out")
    assert checkpoints.read_decoder(tmp_path / "out") == QWEN
    assert "tokenizer.json" not in os.listdir(tmp_path / "out")


def test_companions_come_along_but_no_code(source, tmp_path):
    folder = example.write(tmp_path / "in", QWEN, example.tensors(QWEN))
    wanted = ("tokenizer.json", "tokenizer_config.json", "merges.txt", "chat_template.jinja", "generation_config.json",
              "LICENSE", "special_tokens_map.json", "tokenizer.model")  # fmt: skip
    left = ("modeling_x.py", "pytorch_model.bin", "optimizer.pt", "README.md", "tokenizer.pkl", "x.safetensors")
    for name in wanted + left:
        (folder / name).write_text(name)
    checkpoints.save(params_of(source), QWEN, tmp_path / "out", folder)
    assert set(os.listdir(tmp_path / "out")) == {*wanted, "config.json", "model.safetensors"}
    assert (tmp_path / "out" / "LICENSE").read_text() == "LICENSE"


def test_adapters_are_merged_as_they_leave(source, tmp_path):
    adapted = dataclasses.replace(QWEN, lora=lora.Lora(rank=2, targets=("query", "down")))
    key = jax.random.key(1)
    trained = jax.tree.map(lambda leaf: leaf + jax.random.normal(key, leaf.shape), adapted.init(key))
    params = lora.join(params_of(source), lora.split(trained)[1])
    checkpoints.save(params, adapted, tmp_path / "out", source)
    merged = lora.merge(params, adapted.lora)
    for leaf, expected in zip(jax.tree.leaves(params_of(tmp_path / "out")), jax.tree.leaves(merged), strict=True):
        np.testing.assert_allclose(leaf, expected, rtol=1e-6, atol=1e-6)
    assert not np.allclose(params_of(tmp_path / "out")["layers"]["query"], params["layers"]["query"])


def test_an_interrupted_export_does_not_look_like_a_checkpoint(source, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(writing, "_copy", interrupt)
    with pytest.raises(KeyboardInterrupt):
        checkpoints.save(params_of(source), QWEN, tmp_path / "out", source, shard_bytes=5000)
    assert all(name.endswith(writing.PART) for name in os.listdir(tmp_path / "out"))


def test_the_index_gets_its_name_last(source, tmp_path, monkeypatch):
    order: list[str] = []
    rename = type(writing.epath.Path(tmp_path)).rename
    monkeypatch.setattr(
        type(writing.epath.Path(tmp_path)), "rename", lambda self, to: order.append(to.name) or rename(self, to)
    )
    checkpoints.save(params_of(source), QWEN, tmp_path / "out", source, shard_bytes=5000)
    assert order[-1] == "model.safetensors.index.json" and len(order) > 2


def test_a_folder_that_holds_something_is_left_alone(source, tmp_path):
    (tmp_path / "notes").touch()
    with pytest.raises(ValueError, match="is not an empty folder; name a new one"):
        checkpoints.save(params_of(source), QWEN, tmp_path)
    with pytest.raises(ValueError, match="is not an empty folder"):
        checkpoints.save(params_of(source), QWEN, tmp_path / "notes")
    assert os.listdir(tmp_path) == ["notes"]


def test_what_cannot_be_written_is_said_before_it_is_begun(source, tmp_path, monkeypatch):
    params, out = params_of(source), tmp_path / "out"
    with pytest.raises(ValueError, match="dtype 'int8' is not among float32, float16, bfloat16"):
        checkpoints.save(params, QWEN, out, dtype="int8")
    with pytest.raises(ValueError, match="files of 0 bytes cannot hold anything"):
        checkpoints.save(params, QWEN, out, shard_bytes=0)
    with pytest.raises(ValueError, match="of another architecture than the policy: policy.rope_theta = 3.0, not"):
        checkpoints.save(params, dataclasses.replace(QWEN, rope_theta=3.0), out, source)
    with pytest.raises(ValueError, match="no published architecture has this policy"):
        checkpoints.save(params, Decoder(vocab_size=2, layer_windows=(1, 2), rope_scaling=rope.Linear(2.0)), out)
    monkeypatch.setattr(writing.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 10})())
    with pytest.raises(ValueError, match=r"takes 2.\d+e-05 GB, and 1e-08 GB are free at"):
        checkpoints.save(params, QWEN, out)
    assert not out.exists()


def test_a_weight_too_large_for_float16_is_not_written_as_infinity(source, tmp_path):
    params = params_of(source)
    params["layers"]["up"] = params["layers"]["up"].at[1, 0, 0].set(70_000.0)
    with pytest.raises(ValueError, match="model.layers.1.mlp.up_proj.weight does not fit float16; export as bfloat16"):
        checkpoints.save(params, QWEN, tmp_path / "out", dtype="float16")
