"""A figure can be traced to code, versions and hardware."""

import json
import subprocess
import sys

import jax
import jax.numpy as jnp
import pytest

from entropy_rl.training import provenance


@pytest.fixture(autouse=True)
def _fresh():
    provenance._code.cache_clear()
    yield
    provenance._code.cache_clear()


def test_it_tells_code_versions_and_hardware():
    found = provenance.collect()
    assert found["versions"]["jax"] == jax.__version__ and found["versions"]["python"].startswith("3.")
    assert found["devices"] == jax.device_count() and found["hardware"] and found["processes"] == 1
    assert found["command"].startswith("python ") and sys.executable not in found["command"]
    json.dumps(found)


def fake_package(tmp_path, monkeypatch):
    """A repository with a package in it, as if provenance.py lay there."""
    folder = tmp_path / "clone" / "entropy_rl" / "training"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").write_text("")
    monkeypatch.setattr(provenance, "__file__", str(folder / "provenance.py"))
    return tmp_path / "clone"


def git(folder, *arguments):
    names = ["-c", "user.name=a", "-c", "user.email=a@b"]
    return subprocess.run(["git", *names, *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


def test_uncommitted_changes_are_part_of_it(tmp_path, monkeypatch):
    clone = fake_package(tmp_path, monkeypatch)
    git(clone, "init", "-q")
    git(clone, "add", "-A")
    git(clone, "commit", "-q", "-m", "first")
    found = provenance.collect()
    assert (
        found["commit"] == git(clone, "rev-parse", "HEAD").strip() and found["diff"] == "" and found["untracked"] == []
    )
    provenance._code.cache_clear()
    (clone / "entropy_rl" / "__init__.py").write_text("changed = 1\n")
    (clone / "new.py").write_text("")
    found = provenance.collect()
    assert "+changed = 1" in found["diff"] and found["untracked"] == ["new.py"]
    provenance._code.cache_clear()
    monkeypatch.setattr(provenance, "MAX_DIFF", 20)
    assert "[cut:" in provenance.collect()["diff"]


def test_an_installed_package_claims_no_commit(tmp_path, monkeypatch):
    fake_package(tmp_path, monkeypatch)
    assert provenance.collect()["commit"] == ""
    provenance._code.cache_clear()
    git(tmp_path, "init", "-q")  # installed inside somebody else's repository
    assert provenance.collect()["commit"] == ""


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "new" / "summary.json"
    provenance.write_json(path, {"a": jnp.float32(0.5), "b": float("nan")})
    provenance.write_json(path, {"a": [1, 2]})
    assert json.loads(path.read_text()) == {"a": [1, 2]}
    assert [file.name for file in path.parent.iterdir()] == ["summary.json"]
    with pytest.raises(RecursionError):
        loop = {}
        loop["loop"] = loop
        provenance.write_json(path, loop)
    assert json.loads(path.read_text()) == {"a": [1, 2]}


def test_only_the_first_process_writes(tmp_path, monkeypatch):
    monkeypatch.setattr(jax, "process_index", lambda: 1)
    provenance.write_json(tmp_path / "summary.json", {})
    assert list(tmp_path.iterdir()) == []
