"""Files come whole or not at all, and with the bytes that they had before."""

from __future__ import annotations

import dataclasses
import hashlib
import http.server
import json
import threading
from collections.abc import Iterator

import pytest

from entropy_rl.tasks.columns import Columns
from entropy_rl.tasks.datasets import downloads
from entropy_rl.tasks.datasets.dataset import Dataset, Source

CONTENT = b'{"question": "1+1?", "answer": "2"}\n'


class Files(http.server.BaseHTTPRequestHandler):
    content, missing = CONTENT, 0

    def do_GET(self) -> None:
        if self.path != "/test.jsonl":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.content) + self.missing))
        self.end_headers()
        self.wfile.write(self.content)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    Files.content, Files.missing = CONTENT, 0
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_address[1]}"
        running.shutdown()


def of(address: str, sha256: str = "", path: str = "test.jsonl") -> Dataset:
    source = Source("test", "test.jsonl", f"{address}/{path}", sha256)
    return Dataset("sums", "Sums", (source,), (Columns("question", "answer"),), "whole", "h", "l", "c")


def fetched(dataset: Dataset, folder) -> bytes:
    return downloads.file_of(dataset, dataset.sources[0], folder).read_bytes()


def test_a_file_is_downloaded_once_and_its_checksum_recorded(server, tmp_path):
    dataset = of(server)
    assert fetched(dataset, tmp_path) == CONTENT
    recorded = json.loads((tmp_path / downloads.CHECKSUMS).read_text())
    assert recorded == {dataset.sources[0].url: hashlib.sha256(CONTENT).hexdigest()}
    Files.content = b"changed"
    assert fetched(dataset, tmp_path) == CONTENT  # not fetched again


def test_other_bytes_than_at_the_first_download_are_refused(server, tmp_path):
    dataset = of(server)
    fetched(dataset, tmp_path)
    (tmp_path / "sums" / "test.jsonl").unlink()
    Files.content = CONTENT + b"\n"
    with pytest.raises(ValueError, match="recorded at the first download"):
        fetched(dataset, tmp_path)


def test_other_bytes_than_published_are_refused(server, tmp_path):
    with pytest.raises(ValueError, match="its publisher states 0000"):
        fetched(of(server, sha256="0" * 64), tmp_path)
    right = of(server, sha256=hashlib.sha256(CONTENT).hexdigest())
    assert fetched(right, tmp_path) == CONTENT


def test_a_download_that_breaks_off_leaves_nothing(server, tmp_path):
    Files.missing = 10
    with pytest.raises(ValueError, match="cannot be downloaded"):
        fetched(of(server), tmp_path)
    assert not list((tmp_path / "sums").iterdir())


@pytest.mark.parametrize("path", ["nothing.jsonl"])
def test_what_is_not_there_says_what_a_manual_folder_needs(server, tmp_path, path):
    with pytest.raises(ValueError, match=r"404(.|\n)*--manual_dir=FOLDER(.|\n)*FOLDER/sums/test.jsonl(.|\n)*question"):
        fetched(of(server, path=path), tmp_path)


def test_where_there_is_no_network_the_message_is_the_same(tmp_path):
    with pytest.raises(ValueError, match="cannot be downloaded(.|\n)*Where there is no network"):
        fetched(of("http://127.0.0.1:9"), tmp_path)


def test_a_manual_folder_is_used_as_it_is(tmp_path):
    dataset = dataclasses.replace(of("http://127.0.0.1:9"))
    (tmp_path / "sums").mkdir()
    (tmp_path / "sums" / "test.csv").write_text("question,answer\n1+1?,2\n")  # another format will do
    found = downloads.file_of(dataset, dataset.sources[0], tmp_path / "data", str(tmp_path))
    assert found == tmp_path / "sums" / "test.csv"
    assert downloads.file_of(dataset, dataset.sources[0], tmp_path / "data", str(tmp_path / "sums")) == found
