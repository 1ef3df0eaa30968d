"""Weights & Biases beside TensorBoard, under the same names; the library is imported only where it is asked for."""

from __future__ import annotations

import hashlib
import importlib
import math
import numbers
import os
from collections.abc import Mapping, Sequence
from typing import Any

from absl import logging

from entropy_rl.phases import Wandb

_COLUMNS = ("step", "split", "prompt", "response", "reward", "advantage", "reason")


class Tracker:
    """A run on Weights & Biases. A resumed run goes on under its id; steps that come again are left as they were."""

    def __init__(self, settings: Wandb, name: str, folder: str | os.PathLike[str], config: Mapping[str, Any]):
        """Begins it, or goes on with it.

        Args:
          settings: with a project.
          name: of the run, as people see it.
          folder: of the run; its path is what makes the id.
          config: fields by path, to be looked up and filtered by.

        Raises:
          ValueError: if the library is missing, or does not begin a run.
        """
        library = importlib.import_module("wandb")  # its absence was told by Wandb.validate
        try:
            self._run = library.init(
                project=settings.project,
                entity=settings.entity or None,
                group=settings.group or None,
                mode=settings.mode,
                name=name,
                id=hashlib.sha256(os.fspath(folder).encode()).hexdigest()[:16],
                resume="allow",
                config=dict(config),
            )
        except Exception as error:  # the library has errors of its own for keys, names and networks
            raise ValueError(
                f"Weights & Biases did not begin a run: {error}; log in with `wandb login`, "
                "or set wandb.mode=offline, or leave it out with wandb.project=''"
            ) from error
        self._table = library.Table
        logging.info("Weights & Biases: %s", getattr(self._run, "url", None) or settings.mode)

    def write_metrics(self, record: Mapping[str, Any]) -> None:
        """One step; text and missing values are left out."""
        finite = {
            name: float(value)
            for name, value in record.items()
            if name != "step" and isinstance(value, numbers.Real) and math.isfinite(value)
        }
        self._run.log(finite, step=int(record["step"]))

    def write_samples(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Answers as a table of text."""
        rows = [
            [*(record.get(key) for key in _COLUMNS[:3]), *(response.get(key) for key in ("text", *_COLUMNS[4:]))]
            for record in records
            for response in record.get("responses") or ()
        ]
        if rows:
            self._run.log({"samples": self._table(columns=list(_COLUMNS), data=rows)}, step=int(records[0]["step"]))

    def close(self) -> None:
        self._run.finish()
