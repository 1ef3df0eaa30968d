"""Loading: every element lands where it belongs, whatever its type; what does not fit is named before it is read."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import pickle

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
from etils import epath

from entropy_rl.models import checkpoints, families, lora
from entropy_rl.models.checkpoints import files, headers, reading
from entropy_rl.models.decoder import Decoder
from tests.models.checkpoints import example
from tests.models.checkpoints.example import QWEN

TIED = dataclasses.replace(QWEN, tied_embeddings=True)


@pytest.fixture(scope="module")
def arrays():
    return example.tensors(QWEN)


def test_every_element_lands_where_it_belongs(arrays, tmp_path):
    params = checkpoints.load(example.write(tmp_path, QWEN, arrays, files=3), QWEN, example.placed(QWEN))
    layer = lambda name: arrays[f"model.layers.1.{name}"]  # noqa: E731
    d, n, h, f = 5, 3, 6, 7  # a coordinate of width, heads, head width, feed-forward
    ours = {name: np.asarray(stack[1]) for name, stack in params["layers"].items()}
    assert ours["query"][d, n, h] == layer("self_attn.q_proj.weight")[n * 8 + h, d]  # torch stores [out, in]
    assert ours["value"][d, 1, h] == layer("self_attn.v_proj.weight")[1 * 8 + h, d]
    assert ours["output"][n, h, d] == layer("self_attn.o_proj.weight")[d, n * 8 + h]
    assert ours["key_bias"][1, h] == layer("self_attn.k_proj.bias")[1 * 8 + h]
    assert ours["gate"][d, f] == layer("mlp.gate_proj.weight")[f, d]
    assert ours["down"][f, d] == layer("mlp.down_proj.weight")[d, f]
    assert (ours["mlp_norm"] == layer("post_attention_layernorm.weight")).all()
    assert (np.asarray(params["embedding"]) == arrays["model.embed_tokens.weight"]).all()
    assert (np.asarray(params["unembedding"]) == arrays["lm_head.weight"]).all()
    assert jax.tree.structure(params) == jax.tree.structure(example.placed(QWEN))


@pytest.mark.parametrize("stored", [np.float32, np.float16, ml_dtypes.bfloat16])
@pytest.mark.parametrize("wanted", [jnp.float32, jnp.bfloat16])
def test_any_type_is_cast_to_any(stored, wanted, tmp_path):
    arrays = example.tensors(QWEN, stored)
    params = checkpoints.load(example.write(tmp_path, QWEN, arrays), QWEN, example.placed(QWEN, wanted))
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {jnp.dtype(wanted)}
    up = arrays["model.layers.0.mlp.up_proj.weight"].astype(np.float32).astype(wanted).T
    assert (np.asarray(params["layers"]["up"][0]) == up).all()
    norm = arrays["model.norm.weight"].astype(np.float32).astype(wanted)
    assert (np.asarray(params["final_norm"]) == norm).all()


def test_a_loaded_table_can_be_updated_where_it_lies(arrays, tmp_path):
    table = checkpoints.load(example.write(tmp_path, QWEN, arrays), QWEN, example.placed(QWEN))["embedding"]
    before = table.unsafe_buffer_pointer()
    after = jax.jit(lambda x: x + 1, donate_argnums=0)(table)
    assert after.unsafe_buffer_pointer() == before


def test_everything_that_does_not_fit_is_in_one_error(arrays, tmp_path):
    wrong = dict(arrays)
    del (
        wrong["model.norm.weight"],
        wrong["model.layers.0.mlp.up_proj.weight"],
        wrong["model.layers.1.mlp.up_proj.weight"],
    )
    wrong["model.layers.1.self_attn.q_norm.weight"] = np.ones(8, np.float32)
    wrong["lm_head.weight"] = np.ones((25, 16), np.float32)
    wrong["model.layers.0.mlp.gate_proj.weight"] = np.ones((32, 16), ml_dtypes.float8_e4m3fn)
    wrong["model.layers.0.self_attn.rotary_emb.inv_freq"] = np.ones(4, np.float32)  # a constant: not a weight
    with pytest.raises(ValueError) as error:
        checkpoints.load(example.write(tmp_path, QWEN, wrong), QWEN, None)  # nothing is placed
    for words in (
        "missing: model.norm.weight, model.layers.0-1.mlp.up_proj.weight;",
        "not expected: model.layers.1.self_attn.q_norm.weight;",
        "of another shape: lm_head.weight ([25, 16], not [24, 16]);",
        "stored as other than F32, F16, BF16: model.layers.0.mlp.gate_proj.weight (F8_E4M3).",
    ):
        assert words in str(error.value)
    assert "inv_freq" not in str(error.value)


def test_a_tied_head_may_be_there_if_it_is_the_embedding(tmp_path):
    arrays = example.tensors(TIED)
    arrays["lm_head.weight"] = arrays["model.embed_tokens.weight"].copy()
    params = checkpoints.load(example.write(tmp_path / "same", TIED, arrays), TIED, example.placed(TIED))
    assert "unembedding" not in params
    arrays["lm_head.weight"][-1, -1] += 1
    with pytest.raises(ValueError, match="says tie_word_embeddings, but lm_head.weight differs from model.embed"):
        checkpoints.load(example.write(tmp_path / "other", TIED, arrays), TIED, None)


@pytest.mark.parametrize("prefix", ["language_model.model.", "model.language_model."])
def test_the_text_model_is_found_inside_one_that_sees(prefix, tmp_path):
    text = Decoder(
        vocab_size=24, width=16, heads=4, kv_heads=2, head_width=8, feed_forward=32, activation="gelu_tanh",
        qk_norm=True, norm_offset=1.0, post_norms=True, embedding_multiplier=4.0, tied_embeddings=True, layers=2,
        layer_windows=(4, 0), rope_local_theta=1e4, rope_theta=1e6, query_scale=1 / 16,
    )  # fmt: skip
    arrays = example.tensors(text)
    inside = {prefix + name.removeprefix("model."): array for name, array in arrays.items()}
    inside["vision_tower.embeddings.weight"] = inside["multi_modal_projector.norm.weight"] = np.ones(3, np.float32)
    nested = families.written(families.family_for(text), text)
    config = {"architectures": ["Gemma3ForConditionalGeneration"], "text_config": nested}
    folder = example.write(tmp_path / "sees", text, inside, **config)
    assert checkpoints.read_decoder(folder) == text
    params = checkpoints.load(folder, text, example.placed(text))
    checkpoints.save(params, text, tmp_path / "text", folder)
    assert checkpoints.read_config(tmp_path / "text")["architectures"] == ["Gemma3ForCausalLM"]
    assert {name: data for name, (_, _, data) in example.raw_folder(tmp_path / "text").items()} == {
        name: array.tobytes() for name, array in arrays.items()
    }


def test_another_architecture_is_told_apart_field_by_field(arrays, tmp_path):
    folder = example.write(tmp_path, QWEN, arrays)
    with pytest.raises(ValueError, match="policy.layers = 3, not 2; policy.rope_theta = 5.0, not 10000.0"):
        checkpoints.load(folder, dataclasses.replace(QWEN, layers=3, rope_theta=5.0), None)


def test_choices_of_a_run_are_no_part_of_the_architecture(arrays, tmp_path):
    run = dataclasses.replace(QWEN, compute_dtype="bfloat16", remat="full", lora=lora.Lora(rank=2))
    params = checkpoints.load(example.write(tmp_path, QWEN, arrays), run, example.placed(run))
    assert not lora.split(params)[1]  # a checkpoint has no adapters


def test_a_file_cut_short_is_found_before_it_is_read(arrays, tmp_path):
    file = example.write(tmp_path, QWEN, arrays) / headers.SINGLE
    os.truncate(file, file.stat().st_size - 1)
    with pytest.raises(ValueError, match="is cut or damaged. Fetch it again"):
        checkpoints.load(tmp_path, QWEN, None)


class Armed:
    def __reduce__(self):
        return os.mkdir, ("planted",)


def test_nothing_in_a_folder_is_executed(arrays, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = example.write(tmp_path / "model", QWEN, arrays)
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps(Armed()))
    (folder / "modeling_qwen2.py").write_text("import os; os.mkdir('planted')")
    checkpoints.load(folder, QWEN, example.placed(QWEN))
    checkpoints.save(checkpoints.load(folder, QWEN, example.placed(QWEN)), QWEN, tmp_path / "out", source=folder)
    (folder / headers.SINGLE).unlink()
    with pytest.raises(ValueError, match="only as pickle"):
        checkpoints.load(folder, QWEN, example.placed(QWEN))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "out"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["config.json", "model.safetensors"]


def test_folders_that_are_no_checkpoint_are_told_apart(tmp_path):
    def words(name: str | None, content: str = "{}") -> str:
        for path in tmp_path.iterdir():
            path.unlink()
        if name:
            (tmp_path / name).write_text(content)
        with pytest.raises(ValueError) as error:
            checkpoints.read_decoder(tmp_path)
        return str(error.value)

    assert "holds no config.json; name a folder that transformers or" in words(None)
    assert "holds a LoRA adapter, not a model; merge it" in words("adapter_config.json")
    assert "in the format of their authors; use the transformers version" in words("params.json")
    assert "is the folder of a training run" in words("config.json", '{"name": "a", "flat": {}}')
    assert "does not hold valid JSON" in words("config.json", "{")
    assert "model_type is None; supported are" in words("config.json")
    with pytest.raises(ValueError, match="does not exist; name the folder of a checkpoint, or a hub id"):
        checkpoints.read_decoder(tmp_path / "absent")


# Bytes --------------------------------------------------------------------------------------------------------------


def stored_array(path: pathlib.Path, array: np.ndarray) -> headers.Stored:
    path.write_bytes(b"before" + array.tobytes())
    return headers.Stored(epath.Path(path), "F32", array.shape, 6, array.nbytes)


def boxes(shape: tuple[int, ...]):
    rng = np.random.default_rng(0)
    for _ in range(40):
        ends = [sorted(rng.choice(size + 1, 2, replace=False)) for size in shape]
        yield tuple(slice(int(start), int(stop)) for start, stop in ends)


@pytest.mark.parametrize("gap", [0, 64])
@pytest.mark.parametrize("shape", [(7,), (6, 5), (4, 3, 5)])
def test_a_box_holds_what_a_slice_holds_and_reads_no_more(shape, gap, tmp_path, monkeypatch):
    array = np.random.default_rng(0).normal(size=(np.prod(shape),)).astype(np.float32)
    stored = stored_array(tmp_path / "f", array)
    monkeypatch.setattr(files, "LOCAL_GAP", gap)
    for box in boxes(shape):
        with files.Files() as opened:
            block = opened.box(stored, shape, box)
            np.testing.assert_array_equal(block, array.reshape(shape)[box])
            assert opened.bytes_read == block.nbytes if not gap else opened.bytes_read >= block.nbytes


class Remote:
    """A file in an object store: without `readinto`, and every read is a request."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path, self.requests = path, 0

    def __fspath__(self) -> str:
        return "gs://bucket/" + self.path.name

    def open(self, mode: str) -> Remote:
        self.stream = self.path.open(mode)
        self.seek = self.stream.seek
        return self

    def read(self, size: int) -> bytes:
        self.requests += 1
        return self.stream.read(size)

    def __enter__(self) -> Remote:
        return self

    def __exit__(self, *_) -> None:
        self.stream.close()


def test_a_bucket_is_asked_once_where_the_bytes_between_are_few(tmp_path):
    array = np.arange(600, dtype=np.float32)
    remote = Remote(tmp_path / "f")
    stored = dataclasses.replace(stored_array(tmp_path / "f", array), file=remote)
    box = (slice(1, 5), slice(2, 4))
    with files.Files() as opened:
        np.testing.assert_array_equal(opened.box(stored, (6, 100), box), array.reshape(6, 100)[box])
        assert (remote.requests, opened.bytes_read) == (1, 4 * 400)  # four rows of 100, whole


def test_a_file_that_shrinks_while_it_is_read_is_found(tmp_path):
    stored = stored_array(tmp_path / "f", np.ones(4, np.float32))
    os.truncate(tmp_path / "f", 10)
    with files.Files() as opened, pytest.raises(ValueError, match="ends inside a tensor"):
        opened.box(stored, (4,), (slice(0, 4),))


def test_a_process_reads_the_smallest_box_of_its_shards():
    ours = [(slice(0, 2), slice(4, 8)), (slice(2, 4), slice(4, 8))]
    assert reading.bounding(ours) == (slice(0, 4), slice(4, 8))


def test_names_that_differ_in_the_layer_are_taken_together():
    names = dict.fromkeys(f"a.{layer}.b" for layer in (0, 1, 2)) | {"c": None, "a.7.d": "x"}
    names |= {"a.1.e": None, "a.4.e": None}
    assert list(reading._listed("gone", names)) == ["gone: a.0-2.b, c, a.7.d (x), a.1,4.e"]
