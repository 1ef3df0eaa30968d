"""Which problems are held out, and that none of them is trained on."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from absl import logging

from entropy_rl.problem import Problem
from entropy_rl.tasks.splits import SPLITS
from entropy_rl.tasks.text_task import share_of, text_key


@dataclasses.dataclass(frozen=True)
class Counts:
    """What was left out of the splits.

    Attributes:
      repeated: problems whose text stood in the same split before.
      leaked: problems of a split whose text is held out in another.
      conflicting: those of either kind whose answer differs from the one that was kept.
    """

    repeated: int = 0
    leaked: int = 0
    conflicting: int = 0

    def __str__(self) -> str:
        return f"{self.repeated} repeated, {self.leaked} leaked into a held-out split, {self.conflicting} conflicting"


def carved(problems: Iterable[Problem], validation: float, test: float) -> dict[str, list[Problem]]:
    """Cuts problems into splits by a hash of each one's id: adding or reordering rows moves no other problem."""
    splits: dict[str, list[Problem]] = {split: [] for split in SPLITS}
    for problem in problems:
        share = share_of(problem.id)
        split = "test" if share < test else "validation" if share < test + validation else "train"
        splits[split].append(problem)
    return splits


def distinct(
    splits: Mapping[str, Sequence[Problem]], name: str, elsewhere: Iterable[Problem] = ()
) -> tuple[dict[str, list[Problem]], Counts]:
    """Each text once, and what is held out nowhere else: test first, then validation, then train keep theirs.

    Texts are compared exactly, but for case, white space and the width of characters. Held-out problems come in the
    order of a hash of their ids: sources are often sorted by subject or level, and a validation takes the first ones.

    Args:
      elsewhere: test problems of other datasets, which may stand in this test, but in no other split.
    """
    kept: dict[str, list[Problem]] = {split: [] for split in SPLITS}
    owners: dict[str, tuple[str, str]] = {}  # text to split and answer
    repeated = leaked = conflicting = 0
    for split in reversed(SPLITS):
        if split == "validation":
            owners = {text_key(problem.prompt): ("elsewhere", problem.answer) for problem in elsewhere} | owners
        for problem in splits.get(split, ()):
            key = text_key(problem.prompt)
            if key not in owners:
                owners[key] = split, problem.answer
                kept[split].append(problem)
                continue
            owner, answer = owners[key]
            repeated += owner == split
            leaked += owner != split
            conflicting += answer != problem.answer
    for split in ("validation", "test"):
        kept[split].sort(key=lambda problem: share_of(f"order/{problem.id}"))
    counts = Counts(repeated, leaked, conflicting)
    if repeated or leaked:
        logging.info("%s: left out %s", name, counts)
    return kept, counts
