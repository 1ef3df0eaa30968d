"""What the entropy ledger costs: whole training steps without one, with the default and with the full one, interleaved.

Run:  python benchmarks/ledger.py --preset=countdown_grpo --rounds=8

Prints a table and one JSON line. A round is as many steps of each run as lie between two default entries, so that each
round of it has one; the full ledger has an entry in every step, of all of its rows. The runs are equal but for their
ledgers and start from one base; evaluations and checkpoints are left out. Limit: 5 % of a step, for the default.
"""

from __future__ import annotations

import contextlib
import dataclasses
import pathlib
import tempfile
from collections.abc import Mapping, Sequence

from absl import app, flags
from etils import epath

from benchmarks import clock, options, record
from entropy_rl import presets
from entropy_rl.config import Config
from entropy_rl.phases import Ledger
from entropy_rl.training import loop, session

PRESET = flags.DEFINE_string("preset", "countdown_grpo", "Of the runs.")
BASES = flags.DEFINE_string("warm_starts", "", "Folder of cached warm starts; a temporary one by default.")
LIMIT = 0.05  # of a step
LEDGERS = {"off": Ledger(every=0), "default": Ledger(), "full": Ledger(every=1, rows=0)}
COLUMNS = "ledger", "step, cpu-s", "added, cpu-s", "share", "limit"


def variant(config: Config, ledger: Ledger) -> Config:
    """The config with a ledger, and nothing that is due now and then."""
    evaluation = dataclasses.replace(config.evaluation, every=0)
    checkpoint = dataclasses.replace(config.checkpoint, every=0, samples_every=0)
    return dataclasses.replace(
        config, ledger=ledger, evaluation=evaluation, checkpoint=checkpoint, steps=100_000
    ).resolved()


def measure(config: Config, folder: pathlib.Path, bases: str, rounds: int) -> dict[str, list[float]]:
    """Mean seconds of a step in each round, by ledger; one more round warms up."""
    length = LEDGERS["default"].every
    with contextlib.ExitStack() as stack:
        runs = {
            name: stack.enter_context(session.open_session(variant(config, ledger), epath.Path(folder / name), bases))
            for name, ledger in LEDGERS.items()
        }
        seconds: dict[str, list[float]] = {name: [] for name in runs}
        for number in range(rounds + 1):
            names = list(runs)
            for name in names[number % len(names) :] + names[: number % len(names)]:
                start = clock.now()
                for _ in range(length):
                    loop.train_step(runs[name])
                seconds[name].append(clock.cost(clock.since(start)) / length)
    return {name: values[1:] for name, values in seconds.items()}


def shares(seconds: Mapping[str, Sequence[float]]) -> dict[str, dict[str, float]]:
    """Medians of paired rounds: what a step costs, and what a ledger adds to that of the run without one."""
    plain = record.median(seconds["off"])
    found = {}
    for name, values in seconds.items():
        added = record.median([ours - theirs for ours, theirs in zip(values, seconds["off"], strict=True)])
        found[name] = {"step": record.median(values), "added": added, "share": round(added / plain, 4)}
    return found


def main(argv: Sequence[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments {argv[1:]}")
    clock.pin(options.THREADS.value, options.CORE.value)
    config = presets.load_config(PRESET.value)
    with tempfile.TemporaryDirectory() as folder:
        bases = BASES.value or f"{folder}/bases"
        found = shares(measure(config, pathlib.Path(folder), bases, options.ROUNDS.value))
    rows = [
        [name, f"{of['step']:.4f}", f"{of['added']:+.4f}", f"{of['share']:+.1%}", f"{LIMIT:.0%}" * (name == "default")]
        for name, of in found.items()
    ]
    figures = {"benchmark": "ledger", "config": PRESET.value, "limit": LIMIT, "unit": clock.unit()}
    figures |= {"threads": options.THREADS.value, "rounds": options.ROUNDS.value, "ledgers": found}
    figures["default"] = dataclasses.asdict(LEDGERS["default"])
    record.emit(record.table(COLUMNS, rows), figures, options.SAVE.value)


if __name__ == "__main__":
    app.run(main)
