"""Checkpoints that notice damage: Orbax writes them, a checksum per array verifies them, an older one stands in.

Orbax is atomic when a process is killed and notices files that are missing or cut. It restores overwritten bytes
silently and never falls back to an older step: that is what is added here. A checkpoint holds

    state   the arrays of a `TrainState`
    data    JSON: where the run stands in its data, what it carries over
    meta    JSON: what the writer says of itself (versions, config), and per array its checksum, dtype and shape
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from absl import logging
from etils import epath
from jax.experimental import multihost_utils
from orbax.checkpoint import checkpoint_managers as policies

from entropy_rl.training import checkpoint_items as items
from entropy_rl.training import checkpoint_noise
from entropy_rl.types import Array, Params

BEST_METRIC = "validation/pass@1"


@dataclasses.dataclass(frozen=True)
class Restored:
    """A whole checkpoint, verified."""

    state: Any
    data: dict[str, Any]
    meta: dict[str, Any]
    step: int


class Checkpoints:
    """The checkpoints of one run, newest last.

    Saving is asynchronous: `save` returns when the arrays are on the host, an error of the write is raised by the next
    `save`, `wait` or `close`. On several hosts every process calls every method.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        keep: int = 3,
        best_metric: str | None = BEST_METRIC,
        read_only: bool = False,
    ):
        """Opens a folder of checkpoints, local or gs://.

        Args:
          folder: made if missing, unless `read_only`.
          keep: the newest so many are kept.
          best_metric: the checkpoint whose `metrics` hold the largest value of this name is kept as well.
          read_only: for a reader beside a running trainer; leaves unfinished writes of others alone.

        Raises:
          ValueError: if `keep` is not positive.
        """
        if keep < 1:
            raise ValueError(
                f"keep = {keep} checkpoints: at least 1 is needed to resume from, 2 to survive a damaged one"
            )
        checkpoint_noise.quieten()
        self._folder = epath.Path(folder if "://" in os.fspath(folder) else os.path.abspath(folder))
        self._best_metric = best_metric
        self._needed = 0  # bytes of the save under way
        self._damaged: list[int] = []  # newer than the step restored; set aside by the first save
        self._manager = ocp.CheckpointManager(
            self._folder,
            options=ocp.CheckpointManagerOptions(
                preservation_policy=_retention(keep, best_metric),
                best_fn=None if best_metric is None else lambda metrics: metrics[best_metric],
                create=not read_only,
                cleanup_tmp_directories=not read_only,
                read_only=read_only,
            ),
        )

    def save(
        self,
        step: int,
        state: Any,
        data: Mapping[str, Any],
        meta: Mapping[str, Any],
        metrics: Mapping[str, float] | None = None,
        sums: Array | None = None,
    ) -> None:
        """Starts to write a checkpoint. The state may be donated or changed as soon as this returns.

        Args:
          step: not saved before.
          state: a pytree of arrays; None and empty tuples in it are structure and survive.
          data, meta: JSON values with text keys.
          metrics: figures of this step; `best_metric` is looked up here.
          sums: of the state, as `checksums.computed` gives them; computed here if None.

        Raises:
          OSError: if there is no room; it names the folder, the space needed and what is still intact.
        """
        needed = sum(leaf.nbytes for leaf in jax.tree.leaves(state))
        with self._explained(step, needed):
            self._manager.wait_until_finished()
            self._set_damaged_aside()
            self._require_space(needed)
            self._needed = needed
            meta = {**meta, "leaves": items.describe(state, sums)}
            best = None if self._best_metric is None else (metrics or {}).get(self._best_metric)
            self._manager.save(
                step,
                args=ocp.args.Composite(
                    state=ocp.args.StandardSave(state),
                    data=ocp.args.JsonSave(items.sealed(data)),
                    meta=ocp.args.JsonSave(items.sealed(meta)),
                ),
                metrics=None if best is None else {self._best_metric: float(best)},
                force=True,  # whether to save is the caller's decision
            )

    def measure(self, step: int, metrics: Mapping[str, float]) -> None:
        """Adds what was measured of a step after it was saved, so that it may be the best; again is harmless."""
        best = None if self._best_metric is None else metrics.get(self._best_metric)
        if best is None:
            return
        self.wait()
        folder = self._folder / str(step) / "metrics"
        if jax.process_index() == 0 and not (folder / "metrics").exists():
            folder.mkdir(exist_ok=True)
            written = folder / "unfinished"  # where Orbax does not look
            written.write_text(json.dumps({self._best_metric: float(best)}))
            written.rename(folder / "metrics")
        if jax.process_count() > 1:
            multihost_utils.sync_global_devices("a saved step is measured")
        self._manager.reload()

    def restore(self, abstract_state: Any, step: int | None = None) -> Restored:
        """The newest checkpoint that is whole, or that of `step`. Damage is logged, and the next older one is tried.

        Args:
          abstract_state: see `abstract`; it says which mesh the arrays go to, whatever mesh they were saved from.
          step: None for the newest; otherwise this one and no other.

        Raises:
          FileNotFoundError: if the folder holds no checkpoint, or none of `step`.
          ValueError: if the state was saved by another model or optimiser, or if no checkpoint is whole; it lists what
            was tried and what was wrong.
          Exception: as it came, if memory, access or the network failed: that is no damage, and the same command may
            well read the checkpoint.
        """
        found, (state, data, meta) = self._newest_whole(
            lambda candidate: items.load(self._manager, candidate, abstract_state), step
        )
        return Restored(state, data, meta, found)

    def restore_params(self, abstract_params: Params, step: int | None = None) -> tuple[Params, int]:
        """The weights alone and their step: what a run starts from when it starts from another's checkpoint.

        Args:
          abstract_params: shapes and placement (see `abstract`); weights saved in another dtype are cast to theirs.
          step: as in `restore`.
        """
        found, params = self._newest_whole(
            lambda candidate: items.load_params(self._folder, self._manager, candidate, abstract_params), step
        )
        return params, found

    def all_steps(self) -> list[int]:
        return sorted(self._manager.all_steps())

    def latest_step(self) -> int | None:
        """The newest step saved or being saved; it may yet prove damaged."""
        return self._manager.latest_step()

    def best_step(self) -> int | None:
        """The step whose `best_metric` was largest, among those still there; None if none was measured."""
        self.wait()
        return None if self._best_metric is None else self._manager.best_step()

    def wait(self) -> None:
        """Returns when everything is written; raises the error if something was not."""
        with self._explained(self._manager.latest_step(), self._needed):
            self._manager.wait_until_finished()
            self._manager.check_for_errors()

    def close(self) -> None:
        """Waits, then gives up threads and file handles."""
        with self._explained(self._manager.latest_step(), self._needed):
            self._manager.close()

    def _newest_whole(self, load: Callable[[int], Any], step: int | None) -> tuple[int, Any]:
        self.wait()
        steps = [saved for saved in reversed(self.all_steps()) if step in (None, saved)]
        if not steps:
            raise FileNotFoundError(
                f"{self._folder} holds no checkpoint" + ("" if step is None else f" of step {step}")
            )
        failures: dict[int, str] = {}
        for candidate in steps:
            loaded, failure = self._attempt(candidate, load)
            if loaded is not None:
                self._damaged = list(failures)
                return candidate, loaded
            failures[candidate] = failure
            logging.warning("checkpoint %d of %s is damaged (%s)", candidate, self._folder, failure)
        tried = "; ".join(f"step {candidate}: {failure}" for candidate, failure in failures.items())
        raise ValueError(
            f"no checkpoint in {self._folder} can be restored. Tried {tried}. "
            "Start again in an empty workdir, or restore the folder from a backup"
        )

    def _attempt(self, step: int, load: Callable[[int], Any]) -> tuple[Any, str]:
        """One checkpoint, or None and why not; the same answer on every process."""
        loaded, failure, fault = None, "", None
        try:
            items.require_files(self._folder / str(step))
            loaded = load(step)
        except items.OtherStateError as error:
            raise ValueError(f"checkpoint {step} of {self._folder} holds another state: {error}") from None
        except Exception as error:  # Orbax, TensorStore and JSON each raise their own kinds for damage
            failure = f"{type(error).__name__}: {_first_line(error)}"
            fault = None if items.is_damage(error) else error
        if failure:
            checkpoint_noise.bury_pending_reads()
        faults = [fault is not None]
        if jax.process_count() > 1:
            faults, whole = multihost_utils.process_allgather(np.array([fault is not None, loaded is not None])).T
            if not np.all(whole):
                loaded, failure = None, failure or "damaged as seen by another host"
        if any(faults):
            logging.error("checkpoint %d of %s cannot be read now, and may be whole: %s", step, self._folder, failure)
            raise fault or RuntimeError(
                f"another host cannot read checkpoint {step} of {self._folder} now; see its log"
            )
        return loaded, failure

    def _set_damaged_aside(self) -> None:
        """Renames them (a step that is trained again is saved again, and Orbax refuses a step that exists)."""
        for step in self._damaged:
            source, target = self._folder / str(step), self._folder / f"damaged-{step}"
            if jax.process_index() == 0 and source.exists():
                if target.exists():
                    target.rmtree()
                source.rename(target)
        if self._damaged:
            if jax.process_count() > 1:
                multihost_utils.sync_global_devices("damaged checkpoints set aside")
            self._manager.reload()
            self._damaged = []

    def _require_space(self, needed: int) -> None:
        if "://" not in os.fspath(self._folder):
            free = shutil.disk_usage(self._folder).free
            if free < needed:
                raise OSError(errno.ENOSPC, f"{free / 1e6:.2g} MB are free")

    @contextlib.contextmanager
    def _explained(self, step: int | None, needed: int) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            if not _is_full(error):
                raise
            intact = _finished_steps(self._folder)
            raise OSError(
                errno.ENOSPC,
                f"no space to write checkpoint {step} in {self._folder} ({_first_line(error)}). "
                f"It needs {needed / 1e6:.2g} MB. Checkpoints {intact} are intact; free some space and run the same "
                "command again to resume",
            ) from error


def abstract(state: Any, shardings: Any = None) -> Any:
    """Shapes, dtypes and placement of a state, as `restore` wants them.

    Args:
      state: arrays, or what `jax.eval_shape` gives.
      shardings: a tree like the state, or one sharding for all; the arrays' own if None.
    """
    if shardings is None:
        return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=x.sharding), state)
    if isinstance(shardings, jax.sharding.Sharding):
        shardings = jax.tree.map(lambda _: shardings, state)
    return jax.tree.map(lambda x, place: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=place), state, shardings)


def restore_params(
    folder: str | os.PathLike[str], abstract_params: Params, step: int | None = None
) -> tuple[Params, int]:
    """The newest whole weights in another run's folder, and their step; see `Checkpoints.restore_params`."""
    reader = Checkpoints(folder, read_only=True)
    try:
        return reader.restore_params(abstract_params, step)
    finally:
        reader.close()


def _retention(keep: int, best_metric: str | None) -> policies.PreservationPolicy:
    newest = policies.LatestN(keep)
    if best_metric is None:
        return newest
    best = policies.BestN(
        get_metric_fn=lambda metrics: metrics[best_metric], n=1, keep_checkpoints_without_metrics=False
    )
    return policies.AnyPreservationPolicy([newest, best])


def _finished_steps(folder: epath.Path) -> list[int]:
    return sorted(int(path.name) for path in folder.iterdir() if path.name.isdigit()) if folder.exists() else []


def _is_full(error: BaseException) -> bool:
    full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT)
    text = str(error)
    return full or "No space left" in text or "Disk quota exceeded" in text or "ENOSPC" in text


def _first_line(error: BaseException) -> str:
    while error.__cause__ is not None:  # Orbax wraps what TensorStore said
        error = error.__cause__
    text = (getattr(error, "strerror", None) or str(error)).strip()
    return text.splitlines()[0][:200] if text else "no message"
