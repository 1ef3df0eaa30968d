"""An experiment as one frozen value: a claim, the arms and seeds that test it, and the bars that it has to clear."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, Protocol

from entropy_rl import checks
from entropy_rl.config import Config, WarmStart
from entropy_rl.lab import verdicts
from entropy_rl.lab.verdicts import Bar, Figure, Key

FIGURES = (
    ("test pass@1", verdicts.test("pass@1")),
    ("test pass@16", verdicts.test("pass@16")),
    ("test entropy, nats/token", verdicts.test("entropy")),
)
SERIES = ("entropy/token_mean", "validation/pass@1", "validation/pass@16")


class Experiment(Protocol):
    """What an arm may run in the place of a training run: a frozen dataclass whose fields say all of it."""

    @property
    def name(self) -> str:
        """Of the setting, unlike that of every other setting."""
        ...

    @property
    def seed(self) -> int: ...

    def run(self, workdir: str) -> None:
        """Writes metrics.jsonl and summary.json ("test", "base", "seed", "steps", "seconds") as a training run does.

        The caller adds config.json, and where the figures came from.
        """
        ...


@dataclasses.dataclass(frozen=True)
class Arm:
    """One setting of a study.

    Attributes:
      name: in the table.
      setting: a training run, or an experiment; its own name tells its runs from all others, in every study.
      after: another arm, whose run of the same base and seed this one starts from; "" for its own start.
    """

    name: str
    setting: Config | Experiment
    after: str = ""


@dataclasses.dataclass(frozen=True)
class AtTestTime:
    """What is sampled of every finished run of a study: `entropy_rl.evaluate --sweep`, written into its folder.

    Attributes:
      temperatures: > 0.
      samples: to each problem of the test.
    """

    temperatures: tuple[float, ...]
    samples: int


@dataclasses.dataclass(frozen=True)
class Planned:
    """One run of a study.

    Attributes:
      setting: with its seed and base.
      folder: of the run, below the pool that studies share.
      after: the folder of the run that it starts from, if any.
    """

    arm: str
    key: Key
    setting: Config | Experiment
    folder: str
    after: str = ""


@dataclasses.dataclass(frozen=True)
class Study:
    """A published claim, and what is done to see whether it holds here.

    Attributes:
      name: of its results.
      claim: what was published, in one sentence, with its figure.
      source: paper or address.
      bars: what has to be seen, written before the runs.
      arms: what is run.
      rows: of the lab's table of claims.
      note: what differs from the published experiment, and why the bars are what they are.
      seeds: of every arm; runs of one seed are paired.
      bases: seeds of the warm start, each of which gets all seeds; () for that of the settings.
      figures: of each run, for the table: label and figure.
      series: metrics that are drawn over the steps.
      test_time: temperatures at which the finished runs are sampled; None for none.
    """

    name: str
    claim: str
    source: str
    bars: tuple[Bar, ...]
    arms: tuple[Arm, ...]
    rows: tuple[int, ...] = ()
    note: str = ""
    seeds: tuple[int, ...] = (0, 1, 2)
    bases: tuple[int, ...] = ()
    figures: tuple[tuple[str, Figure], ...] = FIGURES
    series: tuple[str, ...] = SERIES
    test_time: AtTestTime | None = None

    def planned(self) -> Iterator[Planned]:
        """Every run: all arms of the first seed on every base, then of the second; so what is finished is paired."""
        arms = {arm.name: arm for arm in self.arms}
        for seed in self.seeds:
            for base in self.bases or (None,):
                for arm in self.arms:
                    after = _folder(_seeded(arms[arm.after].setting, seed, base)) if arm.after else ""
                    setting = _seeded(arm.setting, seed, base)
                    yield Planned(arm.name, (_base(setting), seed), setting, _folder(setting), after)

    def validate(self) -> None:
        """Raises ValueError for a study that cannot be run or judged."""
        for field in ("name", "claim", "source", "bars", "arms", "seeds"):
            if not getattr(self, field):
                raise ValueError(f"the study {self.name!r} has no {field}; say what is tested before it is run")
        if not self.name.isidentifier():
            raise ValueError(f"the study's name {self.name!r} is no plain word; its results are files of that name")
        for kind, names in (
            ("arm", [arm.name for arm in self.arms]),
            ("setting", [_folder(arm.setting).split("/")[0] for arm in self.arms]),
            ("seed", [str(seed) for seed in self.seeds]),
            ("base", [str(base) for base in self.bases]),
        ):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{self.name}: two of one {kind}, {', '.join(twice)}; each needs a name of its own")
        for number in (*self.seeds, *self.bases):
            checks.at_least(f"{self.name}: a seed", number, 0)
        self._validate_starts()

    def _validate_starts(self) -> None:
        names = [arm.name for arm in self.arms]
        for place, arm in enumerate(self.arms):
            if arm.after and arm.after not in names[:place]:
                raise ValueError(
                    f"{self.name}: arm {arm.name!r} starts after {arm.after!r}, which is no arm before it; the arms "
                    f"before it are {', '.join(names[:place]) or 'none'}"
                )
            if (arm.after or self.bases) and not isinstance(arm.setting, Config):
                raise ValueError(
                    f"{self.name}: arm {arm.name!r} is a {type(arm.setting).__name__}, which has no base; "
                    "bases and after are for training runs"
                )
            if self.bases and isinstance(arm.setting, Config) and not isinstance(arm.setting.init, WarmStart):
                raise ValueError(f"{self.name}: arm {arm.name!r} has no warm start; bases are seeds of init=WarmStart")


def _seeded(setting: Any, seed: int, base: int | None) -> Any:
    """The setting with a seed, and with a base of its own if one is given."""
    setting = dataclasses.replace(setting, seed=seed)
    if base is None:
        return setting
    return dataclasses.replace(setting, init=dataclasses.replace(setting.init, seed=base))


def _base(setting: Any) -> int:
    return getattr(getattr(setting, "init", None), "seed", 0)


def _folder(setting: Any) -> str:
    """Runs are shared among studies, so a folder says everything that two runs of one name may differ in."""
    base = _base(setting)
    return f"{setting.name}{f'_base{base}' if base else ''}/seed{setting.seed}"
