"""Fetching from a hub that runs on this machine: what comes down, what never does, and what is said when it cannot."""

from __future__ import annotations

import errno
import json
import pathlib

import huggingface_hub
import pytest
from huggingface_hub import constants

from entropy_rl.models import checkpoints
from tests.models.checkpoints import example, hub_stand_in
from tests.models.checkpoints.example import QWEN
from tests.models.checkpoints.hub_stand_in import Hub

LEFT = ("modeling_x.py", "pytorch_model.bin", "consolidated.safetensors", "model.fp16.safetensors", "weights.gguf")
TAKEN = ("tokenizer.json", "merges.txt", "chat_template.jinja", "LICENSE")


@pytest.fixture
def model(tmp_path) -> pathlib.Path:
    folder = example.write(tmp_path / "published", QWEN, example.tensors(QWEN), files=2)
    for name in LEFT + TAKEN:
        (folder / name).write_text(json.dumps(name))
    return folder


@pytest.fixture
def hub(model, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "secret")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with hub_stand_in.running({"org/model": model}) as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.address)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", server.address + "/{repo_id}/resolve/{revision}/{filename}"
        )
        yield server


def test_the_config_comes_first_and_code_and_pickles_never(hub: Hub, model):
    described = checkpoints.fetch_config("org/model")
    assert sorted(hub.served) == ["config.json", "model.safetensors.index.json"]
    assert checkpoints.read_decoder(described) == QWEN
    folder = checkpoints.fetch("org/model")
    assert sorted(hub.served) == sorted(path.name for path in model.iterdir() if path.name not in LEFT)  # each once
    assert {path.name for path in folder.iterdir()} == set(hub.served)
    assert hub.tokens == {"Bearer secret"}
    params = checkpoints.load(folder, QWEN, example.placed(QWEN))
    assert params["final_norm"].shape == (16,)


def test_what_is_in_the_cache_is_used_when_the_hub_is_away(hub: Hub):
    folder = checkpoints.fetch("org/model")
    hub.down = True
    assert checkpoints.fetch("org/model") == folder == checkpoints.fetch("org/model", hub_stand_in.COMMIT)


def test_weights_are_those_of_the_config_though_the_branch_moves_on(hub: Hub):
    assert checkpoints.fetch("org/model").name == hub_stand_in.COMMIT
    assert hub.resolved == 1


def test_companions_come_without_weights(hub: Hub):
    folder = checkpoints.fetch_companions("org/model")
    assert {*TAKEN, "config.json"} <= {path.name for path in folder.iterdir()}
    assert not [name for name in hub.served if name.endswith(".safetensors")]


def test_a_wrong_architecture_costs_no_gigabytes(hub: Hub, model):
    config = json.loads((model / "config.json").read_text()) | {"architectures": ["MixtralForCausalLM"]}
    (model / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="architectures is .'MixtralForCausalLM'.; supported are"):
        checkpoints.fetch("org/model")
    assert not [name for name in hub.served if name.endswith(".safetensors")]


def test_a_repository_of_pickles_is_refused(hub: Hub, model):
    for path in (*model.glob("*.safetensors"), model / "model.safetensors.index.json"):
        path.unlink()
    with pytest.raises(
        ValueError, match="org/model at revision main has no model.safetensors on the hub; weights kept"
    ):
        checkpoints.fetch("org/model")


def test_a_gated_model_says_what_to_do(hub: Hub, monkeypatch):
    hub.gated.add("org/model")
    with pytest.raises(ValueError, match=r"is gated: accept its terms .* set HF_TOKEN to .* \(HF_TOKEN is set\)"):
        checkpoints.fetch("org/model")
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(ValueError, match=r"\(HF_TOKEN is not set\)"):
        checkpoints.fetch_config("org/model")


def test_what_is_not_there_says_what_to_correct(hub: Hub):
    with pytest.raises(ValueError, match="org/nodel is no folder here, and no model of that name is on the hub, or it"):
        checkpoints.fetch("org/nodel")
    with pytest.raises(ValueError, match="org/model has no revision 'v9' on the hub"):
        checkpoints.fetch("org/model", "v9")
    with pytest.raises(ValueError, match="'/no/such/folder' is neither a folder nor a hub id such as"):
        checkpoints.fetch("/no/such/folder")
    with pytest.raises(ValueError, match="'a..b/c' is neither a folder nor a hub id"):
        checkpoints.fetch("a..b/c")


def test_a_hub_that_is_away_says_where_else_to_fetch(hub: Hub, monkeypatch):
    hub.down = True
    with pytest.raises(
        ValueError, match="no folder org/model here; .* cannot be reached .* fetch it where there is a network"
    ):
        checkpoints.fetch("org/model")
    hub.down = False
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ValueError, match=r"cannot be reached \(HF_HUB_OFFLINE is set\)"):
        checkpoints.fetch("org/model")


def test_a_half_fetched_model_is_not_taken_for_a_whole_one(hub: Hub, monkeypatch):
    checkpoints.fetch_config("org/model")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ValueError, match="cannot be reached|is not whole in the cache"):
        checkpoints.fetch("org/model")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "no space for org/model in the hub's cache; free some"),
        (type("ReadTimeout", (Exception,), {"__module__": "httpx"})(), r"broke while org/model came \(ReadTimeout\)"),
    ],
)
def test_a_download_that_breaks_off_says_how_to_go_on(error, words, monkeypatch):
    def broken(*_, **__):
        raise error

    monkeypatch.setattr(huggingface_hub, "snapshot_download", broken)
    with pytest.raises(ValueError, match=words):
        checkpoints.fetch("org/model")


def test_a_defect_of_ours_keeps_its_traceback(monkeypatch):
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda *_, **__: {}["defect"])
    with pytest.raises(KeyError):
        checkpoints.fetch("org/model")


def test_a_local_folder_is_used_in_place(model):
    assert str(checkpoints.fetch(str(model))) == str(model) == str(checkpoints.fetch_companions(str(model)))
    with pytest.raises(ValueError, match="revision 'main' is of a hub id"):
        checkpoints.fetch(str(model), "main")
    with pytest.raises(ValueError, match="holds no config.json"):
        checkpoints.fetch(str(model.parent))
