"""Files of any schema to prepared problems: a tensorflow-datasets builder that needs no tensorflow.

What it writes is ArrayRecord beside the metadata of tensorflow-datasets, so that `tfds.builder_from_directory(folder)
.as_data_source(split)` reads it at random, here and in anybody's input pipeline.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from absl import logging
from etils import epath

from entropy_rl.problem import Problem, Task
from entropy_rl.tasks import columns as cells
from entropy_rl.tasks import files, held_out
from entropy_rl.tasks.columns import Columns
from entropy_rl.tasks.datasets import buckets, downloads
from entropy_rl.tasks.datasets.dataset import Dataset, Source
from entropy_rl.tasks.datasets.published import data_folder, opened
from entropy_rl.tasks.held_out import Counts
from entropy_rl.tasks.splits import SPLITS
from entropy_rl.tasks.text_task import text_key

_DOWNLOADS = "~/tensorflow_datasets/downloads"  # of what is prepared in a bucket


@dataclasses.dataclass(frozen=True)
class Prepared:
    """What `prepare` did: the folder, how many problems each split has, and what was left out."""

    folder: str
    sizes: Mapping[str, int]
    left_out: Counts


def prepare(dataset: Dataset, data_dir: str = "", manual_dir: str = "", others: Iterable[Dataset] = ()) -> Prepared:
    """Downloads or finds the files of a dataset, and writes its splits.

    Args:
      data_dir: local or gs://; "" for $TFDS_DATA_DIR, or ~/tensorflow_datasets.
      manual_dir: where the user put the files; "" to download them.
      others: datasets; the tests of those that `dataset` excludes, and that are prepared, are kept out of its train.

    Raises:
      ValueError: for a file that is missing, or that does not hold what it should; it says what to do.
    """
    folder = data_folder(data_dir)
    kept_here = epath.Path(_DOWNLOADS).expanduser() if buckets.is_bucket(folder) else folder / "downloads"
    sources: dict[str, list[Problem]] = {}
    repeated = conflicting = 0
    for source in dataset.sources:
        found, counts = _read(dataset, source, downloads.file_of(dataset, source, pathlib.Path(kept_here), manual_dir))
        sources.setdefault(source.split, []).extend(found)
        repeated, conflicting = repeated + counts.repeated, conflicting + counts.conflicting
    _check_counts(dataset, sources)
    splits = held_out.carved(sources.get("train", ()), dataset.validation_share, 0.0)
    splits["test"] = sources.get("test", [])
    kept, counts = held_out.distinct(splits, dataset.name, _tests_of(dataset, folder, others))
    counts = Counts(repeated + counts.repeated, counts.leaked, conflicting + counts.conflicting)
    about = f"{dataset.title}. {dataset.citation}"
    path = write(dataset.name, dataset.version, kept, folder, about, dataset.homepage, dataset.licence)
    return Prepared(path, {split: len(kept[split]) for split in SPLITS}, counts)


def prepare_task(name: str, task: Task, train: int, data_dir: str = "", version: str = "1.0.0") -> Prepared:
    """Writes the problems of an embedded task, `train` of its endless split, for pipelines that read only files."""
    task.validate()
    sizes = {split: size if (size := task.size(split)) is not None else train for split in SPLITS}
    splits = {split: [task.problem(split, index) for index in range(sizes[split])] for split in SPLITS}
    about = f"Problems of {task!r}"
    return Prepared(write(name, version, splits, data_folder(data_dir), about), sizes, Counts())


def write(
    name: str,
    version: str,
    splits: Mapping[str, Sequence[Problem]],
    folder: str | os.PathLike[str],
    description: str,
    homepage: str = "",
    licence: str = "",
) -> str:
    """Writes splits of problems as a prepared dataset, in place of any of its name and version; gives its folder."""
    if buckets.is_bucket(folder):
        there = epath.Path(folder) / name / version
        with tempfile.TemporaryDirectory() as here:
            buckets.put(write(name, version, splits, here, description, homepage, licence), there)
        return str(there)
    builder = _builder(name, version, splits, folder, description, homepage, licence)
    if pathlib.Path(builder.data_path).exists():
        shutil.rmtree(builder.data_path)
        opened.cache_clear()
        builder = _builder(name, version, splits, folder, description, homepage, licence)
    builder.download_and_prepare()
    return str(builder.data_path)


def _builder(
    name: str,
    version: str,
    splits: Mapping[str, Sequence[Problem]],
    folder: str | os.PathLike[str],
    description: str,
    homepage: str,
    licence: str,
) -> Any:
    import tensorflow_datasets as tfds  # a second and a half, and only `prepare` needs it

    def info(builder: Any) -> Any:
        text = tfds.features.Text
        return tfds.core.DatasetInfo(
            builder=builder,
            description=description,
            features=tfds.features.FeaturesDict(
                {"id": text(), "prompt": text(), "answer": text(), "metadata": text(doc="JSON")}
            ),
            homepage=homepage or None,
            citation=description,
            license=licence or None,
            disable_shuffling=True,  # the order of a split is that of its source
        )

    def examples(builder: Any, split: str) -> Iterator[tuple[int, dict[str, str]]]:
        del builder
        for number, problem in enumerate(splits[split]):
            metadata = json.dumps(dict(problem.metadata), ensure_ascii=False)
            row = {"id": problem.id, "prompt": problem.prompt, "answer": problem.answer, "metadata": metadata}
            yield number, row

    members = {
        "VERSION": tfds.core.Version(version),
        "name": name,
        "_info": info,
        "_generate_examples": examples,
        "_split_generators": lambda builder, _: {
            split: builder._generate_examples(split) for split, problems in splits.items() if problems
        },
    }
    kind = type(name, (tfds.core.GeneratorBasedBuilder,), members, skip_registration=True)
    return kind(data_dir=os.fspath(folder), file_format="array_record")


def _read(dataset: Dataset, source: Source, path: pathlib.Path) -> tuple[list[Problem], Counts]:
    """The distinct problems of a file: one of two million rows may hold a hundred copies of each."""
    wanted: Columns | None = None
    first: dict[str, str] = {}
    found: list[Problem] = []
    repeated = conflicting = 0
    for where, row in files.read_rows(str(path)):
        wanted = wanted or _fitting(dataset, row, where)
        final = dataset.final if dataset.final != "auto" else _final_of(row, where, wanted)
        problem = _without_affixes(dataset, cells.problem_of(row, where, wanted, dataset.name, final), not wanted.id)
        key = text_key(problem.prompt)
        if key in first:
            repeated, conflicting = repeated + 1, conflicting + (first[key] != problem.answer)
            continue
        first[key] = problem.answer
        found.append(problem)
    if not found:
        raise ValueError(f"{path} holds no rows. {downloads.instructions(dataset)}")
    return found, Counts(repeated, 0, conflicting)


def _final_of(row: Mapping[str, Any], where: str, wanted: Columns) -> str:
    """Row by row: some copies box their answers, some do not."""
    return "boxed" if cells.last_boxed(cells.answer_text(row, where, wanted)) else "whole"


def _fitting(dataset: Dataset, row: Mapping[str, Any], where: str) -> Columns:
    problems = []
    for candidate in dataset.columns:
        try:
            cells.problem_of(row, where, candidate, dataset.name, "whole")
        except ValueError as error:
            problems.append(str(error))
            continue
        return candidate
    raise ValueError(f"{problems[0]}. {downloads.instructions(dataset)}")


def _without_affixes(dataset: Dataset, problem: Problem, id_of_text: bool) -> Problem:
    before, after = dataset.affixes
    prompt = problem.prompt.strip().removeprefix(before).removesuffix(after).strip()
    if prompt == problem.prompt:
        return problem
    identity = f"{dataset.name}/{text_key(prompt)}" if id_of_text else problem.id
    return dataclasses.replace(problem, id=identity, prompt=prompt)


def _check_counts(dataset: Dataset, sources: Mapping[str, Sequence[Problem]]) -> None:
    for split, expected in dataset.rows:
        if (number := len(sources.get(split, ()))) != expected:
            message = "%s: %d problems in the %s files; %d were published"
            logging.warning(message, dataset.name, number, split, expected)


def _tests_of(dataset: Dataset, folder: epath.Path, others: Iterable[Dataset]) -> list[Problem]:
    """Test problems that may not be trained on, of the datasets that are prepared."""
    found: list[Problem] = []
    for other in others:
        if other.name in dataset.excludes and (prepared := buckets.here(folder / other.name / other.version)):
            found += list(opened(prepared).get("test", ()))
    return found
