"""A run whose folder is in a bucket: stopped, resumed, traced, read back, and started from."""

from __future__ import annotations

import dataclasses

import pytest
from etils import epath

from entropy_rl import presets, training
from entropy_rl.lab.runs import read_runs
from entropy_rl.training import snapshot, streams
from entropy_rl.training.interrupts import Interrupted
from tests.training import bucket
from tests.training.resuming import CONFIG_FILE
from tests.training.test_stops import Life


@pytest.fixture
def config():
    return dataclasses.replace(presets.load_config(str(CONFIG_FILE)), steps=4)


def timeless(records):
    return [{k: v for k, v in record.items() if not k.startswith(("time/", "speed/"))} for record in records]


def test_a_run_in_a_bucket_writes_there_what_it_writes_to_a_disk(tmp_path, monkeypatch, config):
    """It is stopped in its second step, whose checkpoint and trace are then written, and goes on."""
    local = tmp_path / "local"
    training.run(config, str(local), bases=str(tmp_path / "bases"))
    store = bucket.use(monkeypatch, tmp_path)
    workdir = "gs://bucket/runs/tiny"
    with pytest.MonkeyPatch.context() as patch, pytest.raises(Interrupted):
        Life(patch, 11)
        training.run(config, workdir, bases=str(tmp_path / "bases"), profile="1:2")
    run = training.run(config, workdir, bases=str(tmp_path / "bases"))
    assert timeless(run.metrics) == timeless(training.Run(epath.Path(local)).metrics)
    assert run.samples == training.Run(epath.Path(local)).samples
    names = {name.removeprefix("/bucket/runs/tiny/") for name in store.store}
    assert {"config.json", "config.py", "summary.json", "started.json", "metrics.00001.jsonl"} <= names
    assert any(name.startswith("profile/") and name.endswith(".xplane.pb") for name in names)
    events = [store.cat_file(f"gs://bucket/runs/tiny/{name}") for name in names if name.startswith("tensorboard/")]
    assert sum(content.count(b"entropy/token_mean") for content in events) >= 4  # once for each step
    assert not store.refused
    assert snapshot.load(epath.Path(workdir)) == config.resolved()
    assert read_runs([workdir])[0].summary["steps"] == 4
    assert streams.read(workdir, "metrics") == run.metrics


def test_a_machine_that_cannot_read_buckets_is_told_what_to_install(monkeypatch, config):
    def missing(*_: object) -> None:
        raise ImportError("Please install gcsfs to access Google Storage")

    monkeypatch.setattr("etils.epath.backend._FileSystemSpecBackend._get_filesystem", missing)
    with pytest.raises(
        ValueError, match=r"--workdir=gs://bucket/run: Please install gcsfs.*pip install -e '\.\[gcs\]'"
    ):
        training.run(config, "gs://bucket/run")
