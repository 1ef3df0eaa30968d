"""A hub on this machine: as much of the Hugging Face hub's HTTP as fetching a model takes."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import json
import pathlib
import threading
import urllib.parse
from collections.abc import Iterator

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(http.server.ThreadingHTTPServer):
    """Repositories by name, each a folder; `gated` and `down` change what it answers; `served` lists what it gave."""

    daemon_threads = True

    def __init__(self, repositories: dict[str, pathlib.Path]) -> None:
        super().__init__(("localhost", 0), Handler)
        self.repositories = repositories
        self.gated: set[str] = set()
        self.down = False
        self.served: list[str] = []
        self.resolved = 0  # times that a branch was looked up
        self.tokens: set[str | None] = set()

    @property
    def address(self) -> str:
        return f"http://localhost:{self.server_port}"


class Handler(http.server.BaseHTTPRequestHandler):
    """GET and HEAD of /api/models/NAME/(revision|tree)/REVISION and /NAME/resolve/REVISION/FILE."""

    server: Hub
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        parts = urllib.parse.urlparse(self.path).path.strip("/").split("/")
        api = parts[:2] == ["api", "models"]
        if len(parts) < 5:  # the client may ask about other things than models
            self.answer(404)
            return
        self.server.tokens.add(self.headers.get("Authorization"))
        owner, name, what, revision, *file = parts[2:] if api else parts
        folder = self.server.repositories.get(f"{owner}/{name}")
        if self.server.down:
            self.answer(503)
        elif folder is None:
            self.answer(401, error="RepoNotFound")
        elif f"{owner}/{name}" in self.server.gated:
            self.answer(403, error="GatedRepo")
        elif revision not in ("main", COMMIT):
            self.answer(404, error="RevisionNotFound")
        elif what == "revision":
            self.server.resolved += 1
            self.answer(200, json.dumps({"id": f"{owner}/{name}", "sha": COMMIT, "siblings": []}).encode())
        elif what == "tree":
            entries = [
                {"type": "file", "path": path.name, "size": path.stat().st_size, "oid": _hash(path.read_bytes())}
                for path in sorted(folder.iterdir())
            ]
            self.answer(200, json.dumps(entries).encode())
        else:
            content = (folder / file[0]).read_bytes()
            if self.command == "GET":
                self.server.served.append(file[0])
            self.answer(200, content)

    def answer(self, status: int, content: bytes = b"{}", error: str | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{_hash(content)}"')
        if error:
            self.send_header("X-Error-Code", error)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


def _hash(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()


@contextlib.contextmanager
def running(repositories: dict[str, pathlib.Path]) -> Iterator[Hub]:
    hub = Hub(repositories)
    thread = threading.Thread(target=hub.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.shutdown()
        hub.server_close()
        thread.join()
