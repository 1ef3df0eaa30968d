"""What a run was given as an object of its process and its folder cannot hold: a function, rows in memory."""

from __future__ import annotations

import dataclasses
from typing import Any, NoReturn


@dataclasses.dataclass(frozen=True)
class Absent:
    """Stands for such a value when a run's config is read back: good for everything that does not use it.

    Attributes:
      what: as the flat config names it, so that both compare as equal.
    """

    what: str

    def _refuse(self) -> NoReturn:
        raise ValueError(
            f"{self.what} was an object of the process that trained this run, and the run's folder does not hold it; "
            "do this from the config file or notebook that defines it, or name problems that are in files (--tasks)"
        )

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        self._refuse()

    def __len__(self) -> int:
        self._refuse()

    def __getitem__(self, index: Any) -> NoReturn:
        self._refuse()
