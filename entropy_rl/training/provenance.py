"""Where a figure came from: code, versions, hardware, command."""

from __future__ import annotations

import functools
import importlib.metadata
import json
import os
import pathlib
import platform
import shlex
import subprocess
import sys
from typing import Any

import jax
from etils import epath

from entropy_rl.training.streams import is_object_store, plain

PACKAGES = (
    "entropy-rl", "jax", "jaxlib", "libtpu", "flax", "optax", "orbax-checkpoint", "numpy", "scipy", "transformers",
    "tensorflow-datasets",
)  # fmt: skip
MAX_DIFF = 200_000  # characters; a longer one is cut and says so


def collect() -> dict[str, Any]:
    """Everything about this process that another person needs to repeat its figures, beside the config and the seed.

    Returns:
      commit, diff (uncommitted changes of the package's repository, "" if none or not a clone), untracked (file names),
      versions, devices (how many), hardware, backend, processes, command.
    """
    commit, diff, untracked = _code()
    return {
        "commit": commit,
        "diff": diff,
        "untracked": untracked,
        "versions": {"python": platform.python_version(), **_versions()},
        "devices": jax.device_count(),
        "hardware": _hardware(),
        "backend": jax.default_backend(),
        "processes": jax.process_count(),
        "command": _command(),
    }


def write_json(path: str | os.PathLike[str], value: Any) -> None:
    """Writes a JSON file that is either the old or the new one at every moment. Only the first process writes.

    NumPy and JAX values become plain ones, non-finite numbers null.
    """
    if jax.process_index() != 0:
        return
    target = epath.Path(path)
    text = json.dumps(plain(value), indent=2, allow_nan=False) + "\n"
    if is_object_store(target):
        target.write_text(text)  # an object is replaced whole
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(target.name + ".tmp")
    temporary.write_text(text)
    temporary.replace(target)


@functools.cache
def _code() -> tuple[str, str, list[str]]:
    """Read once: what is imported now, not what is edited while the run goes on."""
    folder = pathlib.Path(__file__).resolve().parents[1]
    if not _git(folder, "ls-files", "__init__.py"):  # installed, perhaps into a folder of somebody else's repository
        return "", "", []
    diff = _git(folder, "diff", "HEAD")
    if len(diff) > MAX_DIFF:
        diff = diff[:MAX_DIFF] + f"\n[cut: {len(diff)} characters in all]"
    untracked = _git(folder, "ls-files", "--others", "--exclude-standard", "--full-name", ":/*.py")
    return _git(folder, "rev-parse", "HEAD").strip(), diff, untracked.split()


def _git(folder: pathlib.Path, *arguments: str) -> str:
    """What git says; "" where it is missing, slow or unwilling."""
    command = ["git", "-C", str(folder), *arguments]
    try:
        finished = subprocess.run(command, capture_output=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return finished.stdout.decode("utf-8", errors="replace") if finished.returncode == 0 else ""


def _versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _hardware() -> str:
    """The accelerator's name, or the processor's with its cores."""
    kind = jax.devices()[0].device_kind
    if jax.default_backend() != "cpu":
        return kind
    return f"{_processor()}, {os.cpu_count()} cores"


def _processor() -> str:
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name") and ":" in line]
    return names[0] if names else platform.processor() or platform.machine()


def _command() -> str:
    """As it was typed, but for the interpreter, whose place on this machine helps nobody."""
    return "python " + shlex.join(sys.orig_argv[1:])
