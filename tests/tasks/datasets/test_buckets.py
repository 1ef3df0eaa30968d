"""Datasets that are prepared in a bucket: the address stays one, the files come here once, and what fails says why."""

from __future__ import annotations

import pytest

from entropy_rl.tasks import datasets
from entropy_rl.tasks.datasets import buckets, builder, published
from tests.tasks.datasets.test_builder import ANSWERS, ROWS, dapo_row, put
from tests.training import bucket

DATA = "gs://bucket/data"


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setattr(builder, "_DOWNLOADS", str(tmp_path / "downloads"))
    buckets._copied.cache_clear()
    yield bucket.use(monkeypatch, tmp_path)
    buckets._copied.cache_clear()


@pytest.mark.parametrize(
    ("data_dir", "folder"), [(DATA, DATA), ("gs://bucket/data/", DATA), ("/data", "/data"), ("data", "data")]
)
def test_an_address_stays_what_it_is(data_dir, folder):
    assert str(published.data_folder(data_dir)) == folder


def test_a_dataset_is_prepared_in_a_bucket_and_read_from_a_copy_that_is_made_once(store, tmp_path, monkeypatch):
    put(tmp_path, "math500", ROWS["math500"])
    done = builder.prepare(datasets.Math500.dataset, DATA, str(tmp_path))
    assert done.folder == f"{DATA}/math500/1.0.0"
    assert list(store.store)[-1] == f"/bucket/data/math500/1.0.0/{buckets.MARK}"  # then it is whole
    assert len(store.store) > 1 and not store.refused
    monkeypatch.setenv(published.FOLDER_VARIABLE, DATA)  # as on a worker
    task = datasets.Math500()
    task.validate()
    assert task.problem("test", 0).answer == ANSWERS["math500"]
    store.store.clear()
    assert datasets.Math500(DATA).problem("test", 0).answer == ANSWERS["math500"]


def test_preparing_again_replaces_what_was_there(store, tmp_path):
    for answer in ("2", "3"):
        put(tmp_path, "math500", ROWS["math500"] | {"answer": answer})
        builder.prepare(datasets.Math500.dataset, DATA, str(tmp_path))
        assert datasets.Math500(DATA).problem("test", 0).answer == answer


def test_tests_in_the_bucket_are_kept_out_of_what_is_trained_on(store, tmp_path):
    put(tmp_path, "math500", ROWS["math500"])
    others = [task.dataset for task in datasets.TASKS]
    builder.prepare(datasets.Math500.dataset, DATA, str(tmp_path))
    put(tmp_path, "dapo_math", dapo_row(ROWS["math500"]["problem"], "2", 0), dapo_row("What is $5+6$?", "11", 1))
    done = builder.prepare(datasets.DapoMath.dataset, DATA, str(tmp_path), others)
    assert (done.left_out.leaked, sum(done.sizes.values())) == (1, 1)


def test_half_a_dataset_is_none_and_the_command_keeps_the_address(store):
    store.store["/bucket/data/math500/1.0.0/math500-test.array_record-00000-of-00001"] = b""
    with pytest.raises(ValueError, match=r"not prepared in gs://bucket/data/math500/1.0.0; run .*--data_dir=gs://buck"):
        datasets.Math500(DATA).validate()


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ImportError("Please install gcsfs"), r"gs://bucket/data/math500/1.0.0: Please install gcsfs: pip install -e"),
        (LookupError("401"), r"cannot be used \(401\)"),  # as it were a client's own kind
        (PermissionError("Forbidden"), r"cannot be used \(Forbidden\); log in with `gcloud auth application-default"),
    ],
)
def test_a_bucket_that_cannot_be_read_says_what_to_do(monkeypatch, error, sentence):
    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr("etils.epath.backend._FileSystemSpecBackend._get_filesystem", refuse)
    with pytest.raises(ValueError, match=sentence):
        datasets.Math500(DATA).validate()
