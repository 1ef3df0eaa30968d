"""Where a step's record goes: metrics.jsonl, samples.jsonl, TensorBoard, and a tracker if there is one.

Only the first process writes.
"""

from __future__ import annotations

import math
import numbers
import os
import pathlib
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import jax
import tensorboardX
from absl import logging
from etils import epath

from entropy_rl.training.streams import Stream, is_object_store

TENSORBOARD = "tensorboard"


class Tracker(Protocol):
    """A service that is told the same under the same names, such as Weights & Biases (wandb.py)."""

    def write_metrics(self, record: Mapping[str, Any]) -> None: ...
    def write_samples(self, records: Sequence[Mapping[str, Any]]) -> None: ...
    def close(self) -> None: ...


class Writers:
    """The streams of one run. On any but the first process every method does nothing."""

    def __init__(
        self,
        folder: str | os.PathLike[str],
        resume_step: int = -1,
        tensorboard: bool = True,
        tracker: Tracker | None = None,
    ):
        """Opens the streams of a run's folder.

        Args:
          folder: of the run, local or gs://.
          resume_step: records of later steps are dropped, as they will be written again; -1 drops all.
          tensorboard: write event files as well, into `folder/tensorboard`.
          tracker: told the same; opened for the first process only.
        """
        self._streams: dict[str, Stream] = {}
        self._events: _Events | None = None
        self._tracker = tracker
        if jax.process_index() != 0:
            return
        self._streams = {name: Stream(folder, name) for name in ("metrics", "samples")}
        for stream in self._streams.values():
            stream.truncate_after(resume_step)
        if tensorboard:
            self._events = _event_writer(os.path.join(os.fspath(folder), TENSORBOARD), resume_step)

    def write_metrics(self, record: Mapping[str, Any]) -> None:
        """One step: "step" and declared metrics. Text and missing values do not go to TensorBoard."""
        if not self._streams:
            return
        self._streams["metrics"].write(record)
        if self._events is not None:
            for name, value in record.items():
                if name != "step" and isinstance(value, numbers.Real) and math.isfinite(value):
                    self._events.writer.add_scalar(_tag(name), value, int(record["step"]))
        if self._tracker is not None:
            self._tracker.write_metrics(record)

    def write_samples(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Answers that are kept to be read, each with its "step"; TensorBoard shows the first answer to each prompt."""
        if not self._streams:
            return
        for record in records:
            self._streams["samples"].write(record)
        if self._events is not None and records:
            text = "\n\n---\n\n".join(_as_text(record) for record in records)
            self._events.writer.add_text("samples", text, int(records[0]["step"]))
        if self._tracker is not None:
            self._tracker.write_samples(records)

    def flush(self) -> None:
        """Makes everything written so far durable; call it before a checkpoint of the same step."""
        for stream in self._streams.values():
            stream.flush()
        if self._events is not None:
            self._events.flush()

    def close(self) -> None:
        for stream in self._streams.values():
            stream.close()
        if self._events is not None:
            self._events.close()
            self._events = None
        if self._tracker is not None:
            self._tracker.close()
            self._tracker = None


def _tag(name: str) -> str:
    """TensorBoard knows no @; tensorboardX would replace it too, and complain at every step."""
    return name.replace("@", "_at_")


class _Events:
    """TensorBoard's event files. A bucket gets them whole, a new one for every flush; TensorBoard reads them in turn.

    Attributes:
      writer: of the present file.
    """

    def __init__(self, folder: str, resume_step: int):
        self._bucket = epath.Path(folder) if is_object_store(folder) else None
        self._local = None if self._bucket is None else tempfile.TemporaryDirectory()
        self._folder = folder if self._local is None else self._local.name
        self._files = 0
        # tells TensorBoard to forget what an earlier process wrote of the steps that come again
        self.writer = self._opened(purge_step=max(resume_step + 1, 0))

    def _opened(self, purge_step: int | None = None) -> tensorboardX.SummaryWriter:
        suffix = f".{self._files:05d}"  # names are made of seconds, and two flushes may fall into one
        return tensorboardX.SummaryWriter(self._folder, purge_step=purge_step, max_queue=1000, filename_suffix=suffix)

    def flush(self) -> None:
        if self._bucket is None:
            self.writer.flush()
            return
        self._upload(self._bucket)
        self._files += 1
        self.writer = self._opened()

    def close(self) -> None:
        if self._bucket is None:
            self.writer.close()
        else:
            self._upload(self._bucket)
        if self._local is not None:
            self._local.cleanup()

    def _upload(self, bucket: epath.Path) -> None:
        self.writer.close()
        for path in pathlib.Path(self._folder).iterdir():
            (bucket / path.name).write_bytes(path.read_bytes())
            path.unlink()


def _event_writer(folder: str, resume_step: int) -> _Events | None:
    try:
        return _Events(folder, resume_step)
    except OSError as error:
        logging.warning("no TensorBoard files in %s: %s; metrics.jsonl has the same numbers", folder, error)
        return None


def _as_text(record: Mapping[str, Any]) -> str:
    """Markdown of a prompt and one answer; indented, so that what a model says stays text."""
    responses = record.get("responses") or [{}]
    first = responses[0]
    quoted = "\n".join("    " + line for line in f"{record.get('prompt', '')}{first.get('text', '')}".splitlines())
    return f"{quoted}\n\nreward {first.get('reward')}, advantage {first.get('advantage')}"
