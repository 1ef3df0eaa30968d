"""Runs the runs of a study one after the other, each once, and reads what is finished."""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import pathlib
import time
from collections.abc import Collection, Iterator

import jax
from absl import logging
from etils import epath

from entropy_rl import overrides
from entropy_rl.config import Config, FromRun
from entropy_rl.lab import runs, test_time
from entropy_rl.lab.verdicts import Key, Results
from entropy_rl.study import AtTestTime, Experiment, Planned, Study
from entropy_rl.training import alarms, loop, provenance, sweep, workdirs

POOL, BASES = "pool", "bases"


@dataclasses.dataclass(frozen=True)
class Choice:
    """Which of a study's runs this process makes; all by default.

    Attributes:
      only: names of arms.
      seeds: of the study's.
      shard: (i, n): of every n runs the i-th, counted from 0.
    """

    only: Collection[str] = ()
    seeds: Collection[int] = ()
    shard: tuple[int, int] = (0, 1)

    def of(self, study: Study) -> list[Planned]:
        """The runs, in their order.

        Raises:
          ValueError: for an arm or seed that the study does not have, or an impossible shard.
        """
        place, of = self.shard
        if not 0 <= place < of:
            raise ValueError(f"--shard={place}/{of}: write i/n with 0 <= i < n, such as 0/2 and 1/2")
        for flag, asked, known in (
            ("arm", self.only, [arm.name for arm in study.arms]),
            ("seeds", self.seeds, list(study.seeds)),
        ):
            unknown = [str(name) for name in asked if name not in known]
            if unknown:
                raise ValueError(
                    f"--{flag}={','.join(unknown)}, but {study.name} has {', '.join(map(str, known))}; choose of these"
                )
        planned = [
            run
            for run in study.planned()
            if (not self.only or run.arm in self.only) and (not self.seeds or run.key[1] in self.seeds)
        ]
        return planned[place::of]


def run_study(study: Study, workdir: str, choice: Choice = Choice()) -> None:
    """Makes the runs that are missing; what is finished, or under way in another process, is left alone.

    Raises:
      ValueError: for a study that cannot run, before anything is started.
      Interrupted: after SIGTERM or SIGINT, when the run under way is saved; the same call goes on.
    """
    study.validate()
    chosen, pool = choice.of(study), pathlib.Path(workdir) / POOL
    for planned in chosen:
        if isinstance(planned.setting, Config) and not planned.after:
            planned.setting.validate(jax.device_count())
    missing = [planned for planned in chosen if not is_finished(planned, pool)]
    logging.info("%s: %d of %d runs are finished", study.name, len(chosen) - len(missing), len(chosen))
    spent: list[float] = []
    for place, planned in enumerate(missing):
        left = f", about {(len(missing) - place) * sum(spent) / len(spent) / 60:.0f} min left" if spent else ""
        logging.info("%s: run %d of %d, %s%s", study.name, place + 1, len(missing), planned.folder, left)
        began = time.monotonic()
        if _made(planned, pathlib.Path(workdir)):
            spent.append(time.monotonic() - began)
    if study.test_time is not None:
        for planned in chosen:
            if is_finished(planned, pool):
                _sample_again(study.test_time, pool / planned.folder)


def results(study: Study, workdir: str) -> Results:
    """The finished runs of a study."""
    pool = pathlib.Path(workdir) / POOL
    found: dict[str, dict[Key, runs.Run]] = {arm.name: {} for arm in study.arms}
    for planned in study.planned():
        if is_finished(planned, pool):
            found[planned.arm][planned.key] = runs.read_run(pool / planned.folder)
    return Results(found)


def is_finished(planned: Planned, pool: pathlib.Path) -> bool:
    """Whether the pool holds this run, with exactly these settings, to its end."""
    folder = pool / planned.folder
    if isinstance(planned.setting, Config):
        return workdirs.is_finished(epath.Path(folder), _started(planned, pool).resolved())
    try:
        stored = json.loads((folder / workdirs.CONFIG).read_text())["flat"]
    except (OSError, ValueError, KeyError):
        return False
    return stored == overrides.flatten(planned.setting) and (folder / workdirs.SUMMARY).exists()


def _made(planned: Planned, workdir: pathlib.Path) -> bool:
    """Makes one run; False if another process is at it, or was in the meantime."""
    pool = workdir / POOL
    folder = pool / planned.folder
    with _alone(folder) as free:
        if not free:
            logging.info("%s is under way in another process", planned.folder)
            return False
        if is_finished(planned, pool):
            return False
        if not isinstance(planned.setting, Config):
            _experiment(planned.setting, folder)
            return True
        try:
            loop.run(_started(planned, pool), str(folder), bases=str(workdir / BASES), warm_up=True)
        except alarms.NonFiniteError as error:  # the others go on: a bad end is a result too, and misses its bars
            logging.error("%s came to a bad end: %s", planned.folder, error)
            summary = {"name": planned.setting.name, "steps": planned.setting.steps, "seed": planned.setting.seed}
            summary |= {"failed": f"{error.metric} was not finite in step {error.step}"} | provenance.collect()
            provenance.write_json(folder / workdirs.SUMMARY, summary)
        finally:
            jax.clear_caches()  # programs of a run are of no use to the next, and map memory
    return True


def _sample_again(asked: AtTestTime, folder: pathlib.Path) -> None:
    """The test-time twin of a finished run, unless it is there."""
    file = folder / test_time.FILE
    with _alone(folder) as free:
        if not free or file.exists():
            return
        logging.info("%s: sampling at temperatures %s", folder, ", ".join(f"{t:g}" for t in asked.temperatures))
        found = sweep.sweep_run(str(folder), asked.temperatures, asked.samples)
        document = {"run": str(folder), "split": "test", **test_time.to_json(found)} | provenance.collect()
        provenance.write_json(file, document)
        jax.clear_caches()


def _started(planned: Planned, pool: pathlib.Path) -> Config:
    assert isinstance(planned.setting, Config)
    if not planned.after:
        return planned.setting
    return dataclasses.replace(planned.setting, init=FromRun(str((pool / planned.after).absolute())))


def _experiment(setting: Experiment, folder: pathlib.Path) -> None:
    """An experiment writes its figures; where they came from is added here."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / workdirs.SUMMARY).unlink(missing_ok=True)
    content = {"name": setting.name, "config": overrides.to_json(setting), "flat": overrides.flatten(setting)}
    provenance.write_json(folder / workdirs.CONFIG, content)
    setting.run(str(folder))
    summary = json.loads((folder / workdirs.SUMMARY).read_text())
    provenance.write_json(folder / workdirs.SUMMARY, {"name": setting.name} | summary | provenance.collect())


@contextlib.contextmanager
def _alone(folder: pathlib.Path) -> Iterator[bool]:
    """Whether no other process makes this run; the lock dies with its process."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.parent / f".{folder.name}.lock", "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True
