"""A run's folder: whether a config may start or go on in it, and how it is read afterwards."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable
from typing import Any

import jax
from absl import logging
from etils import epath

from entropy_rl import overrides, wording
from entropy_rl.config import Config, FromRun, HuggingFace
from entropy_rl.models import checkpoints as huggingface
from entropy_rl.models import families
from entropy_rl.models.decoder import Decoder
from entropy_rl.training import provenance, snapshot, streams

CHECKPOINTS = "checkpoints"
CONFIG = "config.json"
SUMMARY = "summary.json"


@dataclasses.dataclass(frozen=True)
class Run:
    """A run's folder, to be read."""

    workdir: epath.Path

    @property
    def metrics(self) -> list[dict[str, Any]]:
        """One dict per step."""
        return streams.read(self.workdir, "metrics")

    @property
    def samples(self) -> list[dict[str, Any]]:
        """Answers that were kept to be read."""
        return streams.read(self.workdir, "samples")

    @property
    def summary(self) -> dict[str, Any]:
        """Final figures and where they came from; {} while the run goes on."""
        path = self.workdir / SUMMARY
        try:
            return json.loads(path.read_text()) if path.exists() else {}
        except ValueError as error:
            raise ValueError(f"{path} is not JSON ({error}); delete it and run the same command again") from None


def check(config: Config, workdir: str, allow_changes: Iterable[str]) -> Config:
    """The resolved config, if it can run here and may go on in that workdir; writes and compiles nothing.

    Raises:
      ValueError: for an impossible config or workdir, or for a config that would make another run of the workdir's: it
        lists every changed field with its old and new value. More steps are always allowed.
    """
    config = config.resolved()
    config.validate(jax.device_count())
    folder, flat, allowed = epath.Path(workdir), overrides.flatten(config), frozenset(allow_changes)
    _check_folder(folder)
    if isinstance(config.init, FromRun) and not checkpointed_steps(folder):
        _check_source(config.init)
    if isinstance(config.init, HuggingFace):
        _check_checkpoint(config.init, config.policy)
    wording.check_tokenizer(config)
    if "all" in allowed or not (folder / CONFIG).exists():
        return config
    stored = stored_config(folder)
    known = allowed | overrides.additions(stored, config)
    changed = [field for field in overrides.diff(stored, flat) if field not in known]
    if "steps" in changed and config.steps >= stored.get("steps", 0):
        changed.remove("steps")
    if changed:
        rows = "; ".join(f"{field}: {stored.get(field)!r} -> {flat.get(field)!r}" for field in changed)
        raise ValueError(
            f"{workdir} holds a run with another config ({rows}). Use another workdir, or pass "
            f"--allow_change={','.join(changed)} to go on with the new values"
        )
    return config


def claim(folder: epath.Path, config: Config) -> None:
    """Writes the config into the workdir, as JSON and as a config file. A summary of another config is removed."""
    folder.mkdir(parents=True, exist_ok=True)
    if jax.process_index() == 0 and (folder / SUMMARY).exists() and not is_finished(folder, config):
        (folder / SUMMARY).unlink()  # before the config changes, so that a summary always belongs to its config
    content = {"name": config.name, "config": overrides.to_json(config), "flat": overrides.flatten(config)}
    provenance.write_json(folder / CONFIG, content)
    if jax.process_index() == 0:
        (folder / snapshot.FILE).write_text(snapshot.as_python(config))


def is_finished(folder: epath.Path, config: Config) -> bool:
    """Whether the workdir holds the summary of exactly this run, so that nothing is left to do."""
    try:
        stored = stored_config(folder)
        changed = set(overrides.diff(stored, overrides.flatten(config))) - overrides.additions(stored, config)
        return not changed and Run(folder).summary.get("steps") == config.steps
    except (ValueError, OSError):  # a missing or broken file is no sign of an end
        return False


def stored_config(folder: epath.Path) -> dict[str, Any]:
    """The flat config that the workdir was last used with.

    Raises:
      ValueError: if config.json is damaged.
    """
    path = folder / CONFIG
    try:
        flat = json.loads(path.read_text())["flat"]
        if not isinstance(flat, dict):
            raise TypeError("'flat' holds no fields")
    except (ValueError, KeyError, TypeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise ValueError(
            f"{path} is damaged ({reason}), so that nothing tells whether this is the same run; restore it, or pass "
            "--allow_change=all to go on with the present config"
        ) from None
    return flat


def checkpointed_steps(folder: epath.Path) -> list[int]:
    """Steps of which the workdir holds a checkpoint, damaged or not."""
    checkpoints = folder / CHECKPOINTS
    if not checkpoints.exists():
        return []
    return sorted(int(path.name) for path in checkpoints.iterdir() if path.name.isdigit())


def _check_folder(folder: epath.Path) -> None:
    """That it is, or can become, a folder to write to; of a bucket only that it can be looked into."""
    if streams.is_object_store(folder):
        try:
            folder.exists()
        except ImportError as error:
            raise ValueError(f"--workdir={folder}: {error}: pip install -e '.[gcs]' in the clone, or gcsfs") from None
        return
    nearest = next(path for path in (folder, *folder.parents) if path.exists())
    if not nearest.is_dir():
        raise ValueError(f"--workdir={folder}: {nearest} is a file; give a folder")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise ValueError(f"--workdir={folder}: {nearest} may not be written to; give a folder of your own")


def _check_checkpoint(init: HuggingFace, policy: Decoder) -> None:
    """That a checkpoint is of the policy's architecture; only its config.json is read."""
    found = huggingface.read_decoder(huggingface.fetch_config(init.path, init.revision))
    details = families.differing(found, policy)
    if details:
        raise ValueError(
            f"init.path = {init.path!r} is of another architecture than the policy: {'; '.join(details)}. Use its own "
            "preset, or policy=AsCheckpoint()"
        )


def _check_source(init: FromRun) -> None:
    steps = checkpointed_steps(epath.Path(init.path))
    if not steps:
        raise ValueError(
            f"init.path = {init.path!r} holds no checkpoint; give the --workdir of a training run that has saved one"
        )
    if init.step is not None and init.step not in steps:
        raise ValueError(
            f"init.step = {init.step}, but {init.path} has checkpoints of the steps {steps}; choose one, or none "
            "for the newest"
        )
    logging.info("init: checkpoints of the steps %s in %s", steps, init.path)
