"""A published dataset as a task: random access to what `python -m entropy_rl.data prepare` wrote, and no tensorflow."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, overload

from etils import epath

from entropy_rl.problem import Problem
from entropy_rl.tasks.datasets import buckets
from entropy_rl.tasks.datasets.dataset import Dataset
from entropy_rl.tasks.splits import check_split
from entropy_rl.tasks.text_task import TextTask

FOLDER_VARIABLE = "TFDS_DATA_DIR"  # as tensorflow-datasets names it


@dataclasses.dataclass(frozen=True)
class Published(TextTask):
    """The problems of a dataset, as prepared.

    Attributes:
      data_dir: where they were prepared, local or gs://; "" for $TFDS_DATA_DIR, or ~/tensorflow_datasets.
    """

    dataset: ClassVar[Dataset]

    data_dir: str = ""

    def problems(self, split: str) -> Sequence[Problem]:
        check_split(split)
        return opened(prepared_folder(self.dataset, self.data_dir)).get(split, ())

    def validate(self) -> None:
        """Raises ValueError if the dataset is not prepared."""
        self.size("train")


class Stored(Sequence[Problem]):
    """Problems that are read when they are asked for."""

    def __init__(self, source: Any):
        self._source = source

    def __len__(self) -> int:
        return len(self._source)

    @overload
    def __getitem__(self, index: int) -> Problem: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Problem]: ...
    def __getitem__(self, index: int | slice) -> Problem | Sequence[Problem]:
        if isinstance(index, slice):
            return [self[number] for number in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):  # the source raises another error, at which iteration would not stop
            raise IndexError(f"problem {index} of {len(self)}")
        row = self._source[index % len(self)]
        texts = {name: value.decode("utf-8") for name, value in row.items()}
        return Problem(texts["id"], texts["prompt"], texts["answer"], json.loads(texts["metadata"]))


def data_folder(data_dir: str = "") -> epath.Path:
    """Where prepared datasets are: a folder, or one in a bucket, gs://..."""
    return epath.Path(data_dir or os.environ.get(FOLDER_VARIABLE) or "~/tensorflow_datasets").expanduser()


def prepared_folder(dataset: Dataset, data_dir: str = "") -> str:
    """The folder of a prepared dataset, on this machine.

    Raises:
      ValueError: if there is none; it names the command that makes it.
    """
    folder = data_folder(data_dir) / dataset.name / dataset.version
    if (found := buckets.here(folder)) is None:
        flag = f" --data_dir={data_dir}" if data_dir else ""
        raise ValueError(
            f"{dataset.title} is not prepared in {folder}; run `python -m entropy_rl.data prepare "
            f"{dataset.name}{flag}`, with --manual_dir=FOLDER where there is no network"
        )
    return found


@functools.lru_cache(maxsize=32)
def opened(folder: str) -> Mapping[str, Stored]:
    """The splits of a prepared dataset."""
    import tensorflow_datasets as tfds  # a second and a half: only who reads a dataset pays for it

    builder: Any = tfds.builder_from_directory(folder)
    return {split: Stored(builder.as_data_source(split)) for split in builder.info.splits}
