"""What is known of a published dataset: where its files are, which column is what, who may use it."""

from __future__ import annotations

import dataclasses

from entropy_rl.tasks.columns import Columns, Final


@dataclasses.dataclass(frozen=True)
class Source:
    """One file of a dataset.

    Attributes:
      split: that its rows belong to: "train" or "test".
      file: its name in a manual folder.
      url: where it is downloaded from.
      sha256: of its bytes, where its publisher states one. "" elsewhere: it is then recorded at the first download and
        compared with at later ones.
    """

    split: str
    file: str
    url: str
    sha256: str = ""


@dataclasses.dataclass(frozen=True)
class Dataset:
    """A published dataset.

    Attributes:
      name: for commands, folders and metrics.
      title: as people call it.
      sources: its files.
      columns: the schemas in which it is found; the first that fits the first row of a file is taken.
      final: where the answer column holds the answer: see columns.Columns.
      homepage, licence, citation: of the data, not of this code.
      rows: how many each split of the sources has, as published; a warning says if a file has another number.
      validation_share: of the train rows, carved by a hash of each id.
      affixes: what every prompt begins and ends with and is no part of the problem.
      excludes: names of datasets whose test problems may not be trained on; those that are prepared are left out.
      version: of the prepared form; raise it when the mapping changes.
    """

    name: str
    title: str
    sources: tuple[Source, ...]
    columns: tuple[Columns, ...]
    final: Final
    homepage: str
    licence: str
    citation: str
    rows: tuple[tuple[str, int], ...] = ()
    validation_share: float = 0.0
    affixes: tuple[str, str] = ("", "")
    excludes: tuple[str, ...] = ()
    version: str = "1.0.0"


def hub(repository: str, file: str, revision: str = "main") -> str:
    """The address of a file of a dataset on the Hugging Face hub."""
    return f"https://huggingface.co/datasets/{repository}/resolve/{revision}/{file}"
