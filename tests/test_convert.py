"""python -m entropy_rl.convert: a run's policy comes out as a checkpoint, and mistakes are answered in a sentence."""

from __future__ import annotations

import dataclasses
import pathlib
import shutil

import jax
import numpy as np
import pytest
from absl import app, flags

from entropy_rl import convert, presets, training
from entropy_rl.config import RandomWeights
from entropy_rl.inits import FromRun, HuggingFace
from entropy_rl.models import checkpoints, lora
from entropy_rl.rollout.tokenizers import HuggingFaceTokenizer
from entropy_rl.training import checkpoints as run_checkpoints
from entropy_rl.training import snapshot
from tests import flagsaver
from tests.models.checkpoints import example
from tests.models.checkpoints.example import QWEN
from tests.training.resuming import CONFIG_FILE

CONFIG = presets.load_config(str(CONFIG_FILE)).resolved()


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> pathlib.Path:
    workdir = tmp_path_factory.mktemp("runs") / "run"
    training.run(dataclasses.replace(CONFIG, init=RandomWeights(), steps=4), str(workdir))
    return workdir


def converted(**values) -> None:
    flags.FLAGS.mark_as_parsed()
    settings = {"run": None, "model": None, "revision": None, "step": None, "dtype": None, "file_gb": 5.0, "out": None}
    given = {name: str(value) if isinstance(value, pathlib.Path) else value for name, value in values.items()}
    with flagsaver.flagsaver(**(settings | given)):
        convert.main(["convert"])


def saved(run: pathlib.Path, step: int | None = None):
    return run_checkpoints.restore_params(run / "checkpoints", example.placed(CONFIG.policy), step)[0]


def loaded(folder: pathlib.Path):
    decoder = checkpoints.read_decoder(folder)
    return checkpoints.load(folder, decoder, example.placed(decoder))


def assert_same(one, other) -> None:
    jax.tree.map(np.testing.assert_array_equal, one, other)


def test_a_run_comes_out_bit_for_bit_and_says_that_it_has_no_tokenizer(finished, tmp_path, caplog):
    converted(run=finished, out=tmp_path / "out")
    assert_same(loaded(tmp_path / "out"), saved(finished))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["config.json", "model.safetensors"]
    assert "no tokenizer will be in the folder: Countdown has its own" in caplog.text
    config = checkpoints.read_config(tmp_path / "out")
    assert config["architectures"] == ["LlamaForCausalLM"]
    assert (config["eos_token_id"], config["pad_token_id"], config["bos_token_id"]) == (1, 0, None)


def test_an_older_step_can_be_asked_for(finished, tmp_path):
    converted(run=finished, out=tmp_path / "out", step=2, dtype="bfloat16")
    older = jax.tree.map(lambda leaf: leaf.astype("bfloat16").astype("float32"), saved(finished, 2))
    assert_same(loaded(tmp_path / "out"), older)
    assert not np.array_equal(older["embedding"], saved(finished)["embedding"])


def published(folder: pathlib.Path, decoder=CONFIG.policy) -> pathlib.Path:
    example.write(folder, decoder, example.tensors(decoder, example.BFLOAT16), torch_dtype="bfloat16", mine="kept")
    (folder / "LICENSE").write_text("as is")
    return folder


def test_config_type_and_licence_are_those_of_the_checkpoint_that_the_run_started_from(finished, tmp_path):
    source = published(tmp_path / "source")
    first, second = tmp_path / "first", tmp_path / "second"
    for run, init in ((first, HuggingFace(str(source))), (second, FromRun(str(first)))):
        shutil.copytree(finished, run)
        (run / "config.py").write_text(snapshot.as_python(dataclasses.replace(CONFIG, init=init)))
    converted(run=second, out=tmp_path / "out")
    assert checkpoints.read_config(tmp_path / "out")["mine"] == "kept"
    assert (tmp_path / "out" / "LICENSE").read_text() == "as is"
    assert {kind for kind, _, _ in example.raw_folder(tmp_path / "out").values()} == {"BF16"}
    shutil.rmtree(source)
    converted(run=second, out=tmp_path / "again")  # the source is gone: said, and made anew
    assert "mine" not in checkpoints.read_config(tmp_path / "again")
    assert_same(loaded(tmp_path / "again"), saved(finished))


def test_a_tokenizer_of_the_run_s_own_goes_along(finished, tmp_path):
    run, tokenizer, source = tmp_path / "run", tmp_path / "tokenizer", published(tmp_path / "source")
    tokenizer.mkdir()
    for folder, content in ((source, "its old one"), (tokenizer, "another")):
        (folder / "tokenizer.json").write_text(content)
    shutil.copytree(finished, run)
    changed = dataclasses.replace(CONFIG, init=HuggingFace(str(source)), tokenizer=HuggingFaceTokenizer(str(tokenizer)))
    (run / "config.py").write_text(snapshot.as_python(changed))
    converted(run=run, out=tmp_path / "out")
    assert (tmp_path / "out" / "tokenizer.json").read_text() == "another"
    assert (tmp_path / "out" / "LICENSE").read_text() == "as is"


def test_adapters_are_merged_into_the_checkpoint_under_them(tmp_path):
    source = published(tmp_path / "source")
    adapted = dataclasses.replace(CONFIG.policy, lora=lora.Lora(rank=2))
    config = dataclasses.replace(CONFIG, policy=adapted, init=RandomWeights(), steps=2)
    training.run(config, str(tmp_path / "run"))
    elsewhere = dataclasses.replace(config, init=HuggingFace(str(source)))  # the same adapters over other weights
    (tmp_path / "run" / "config.py").write_text(snapshot.as_python(elsewhere))
    converted(run=tmp_path / "run", out=tmp_path / "out", dtype="float32")
    before, after = loaded(source)["layers"], loaded(tmp_path / "out")["layers"]
    assert (np.asarray(before["mlp_norm"]) == np.asarray(after["mlp_norm"])).all()
    moved = np.abs(np.asarray(before["query"]) - np.asarray(after["query"]))
    assert 0 < moved.max() < 0.1


def test_a_published_model_is_written_again_in_another_type_and_back(tmp_path):
    source = published(tmp_path / "source", QWEN)
    converted(model=source, out=tmp_path / "wide", dtype="float32", file_gb=5e-6)
    assert len(list((tmp_path / "wide").glob("model-*.safetensors"))) > 3
    assert {kind for kind, _, _ in example.raw_folder(tmp_path / "wide").values()} == {"F32"}
    converted(model=tmp_path / "wide", out=tmp_path / "back", dtype="bfloat16")
    assert example.raw_folder(tmp_path / "back") == example.raw_folder(source)


WRONG = [
    ({}, "name either a run, --run=RUN, or a checkpoint, --model=FOLDER"),
    ({"run": "a", "model": "b"}, "name either a run"),
    ({"model": "/no/such"}, "'/no/such' is neither a folder nor a hub id"),
    ({"model": "HERE"}, "holds no config.json; name a folder that transformers"),
    ({"model": "RUN"}, "is the folder of a training run"),
    ({"model": "RUN", "step": 3}, "--step=3 is of a run"),
    ({"run": "HERE"}, "holds no config.py; name the --workdir of a training run"),
    ({"run": "RUN", "revision": "main"}, "--revision=main is of --model"),
    ({"run": "RUN", "dtype": "int4"}, "dtype 'int4' is not among"),
    ({"run": "RUN", "file_gb": 0.0}, "files of 0 bytes"),
    ({"run": "RUN", "step": 3}, "holds no checkpoint of step 3"),
    ({"run": "RUN", "out": "HERE"}, "is not an empty folder"),
]


@pytest.mark.parametrize(("values", "words"), WRONG, ids=[words for _, words in WRONG])
def test_a_wrong_flag_is_answered_in_a_sentence(values, words, finished, tmp_path):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "something").touch()
    places = {"RUN": finished, "HERE": tmp_path / "here"}
    given = {name: places.get(value, value) for name, value in ({"out": tmp_path / "out"} | values).items()}
    with pytest.raises(app.UsageError) as error:
        converted(**given)
    assert words in str(error.value)
    assert not (tmp_path / "out").exists()


def test_the_run_s_folder_is_only_read(finished, tmp_path):
    listed = lambda: {path: path.stat().st_mtime_ns for path in finished.rglob("*")}  # noqa: E731
    before = listed()
    converted(run=finished, out=tmp_path / "out")
    assert listed() == before
