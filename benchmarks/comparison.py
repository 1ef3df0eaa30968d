"""Interleaved runs: every subject takes one step in turn, on one core, so that what slows one slows all."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from absl import flags

from benchmarks import clock, options, record, subjects, workload

PEERS = {  # name: script, how to get an interpreter that runs it
    "trl": ("trl_step", "trl==1.16.0 torch datasets"),
    "tunix": ("tunix_step", "google-tunix==0.1.7"),
    "transformers": ("transformers_step", "torch transformers tokenizers"),
}
PYTHONS = {
    name: flags.DEFINE_string(
        f"{name}_python", os.environ.get(f"{name.upper()}_PYTHON", ""),
        f"Interpreter with {name}, or environment variable {name.upper()}_PYTHON; empty: its column is absent.",
    )
    for name in PEERS
}  # fmt: skip
PHASES = ("gen", "update", "steps")


def start_peers(size: workload.Size, shape: workload.Shape) -> tuple[list[subjects.Subject], dict[str, str]]:
    """The peers that run here, and why the others do not."""
    started: list[subjects.Subject] = []
    absent: dict[str, str] = {}
    work = subjects.work(size, shape, options.ROUNDS.value + 1, options.THREADS.value, size.micro_batches)
    for name, (script, packages) in PEERS.items():
        interpreter = PYTHONS[name].value
        if not interpreter:
            absent[name] = f"not run: give --{name}_python, of an environment with {packages}"
            continue
        try:
            started.append(subjects.Peer(name, interpreter, script, work))
        except subjects.Absent as reason:
            absent[name] = str(reason)
    return started, absent


def share_device() -> None:
    """Leaves half of an accelerator's memory to a peer, if there is one. To be called before JAX makes its first array.

    What the environment says already stays.
    """
    if any(python.value for python in PYTHONS.values()):
        os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
        os.environ.setdefault("XLA_PYTHON_CLIENT_MEM_FRACTION", "0.5")


def interleaved(taking_part: Sequence[subjects.Subject], rounds: int) -> dict[str, list[subjects.Laps]]:
    """Laps of each subject; the first of each is its warm-up. Who begins a round changes with it."""
    laps: dict[str, list[subjects.Laps]] = {subject.name: [] for subject in taking_part}
    for number in range(rounds + 1):
        first = number % len(taking_part)
        for subject in [*taking_part[first:], *taking_part[:first]]:
            laps[subject.name].append(subject.step(number))
    return laps


def measured(
    own: Sequence[subjects.Subject],
    size: workload.Size,
    shape: workload.Shape,
    figures_of: Callable[[str, Sequence[subjects.Laps]], dict[str, Any]],
) -> dict[str, Any]:
    """Medians and laps of our own subjects and of the peers that run here.

    Args:
      figures_of: further figures of one of our own, of its name and laps.
    """
    peers, absent = start_peers(size, shape)
    try:
        laps = interleaved([*own, *peers], options.ROUNDS.value)
    finally:
        for peer in peers:
            peer.close()
    found: dict[str, Any] = {name: medians(each) for name, each in laps.items()}
    for subject in own:
        found[subject.name] |= figures_of(subject.name, laps[subject.name])
    for each in laps.values():
        for lap in each:
            lap.pop("lengths", None)
    versions = {peer.name: peer.versions for peer in peers}
    return {"medians": found, "laps": raw(laps), "absent": absent, "peers": versions}


def medians(laps: Sequence[subjects.Laps]) -> dict[str, float]:
    """Of the measured rounds, in `clock.unit()`: seconds of each phase, and response tokens per second of a step."""
    measured = laps[1:]
    found = {phase: record.median([clock.cost(lap[phase]) for lap in measured]) for phase in PHASES}
    rates = [lap["toks"] / clock.cost(lap["steps"]) for lap in measured]
    sampled = [lap["toks"] / clock.cost(lap["gen"]) for lap in measured]
    return found | {
        "tokens_per_s": round(record.median(rates), 1),
        "sampled_per_s": round(record.median(sampled), 1),
        "toks": record.median([lap["toks"] for lap in measured]),
        "first": clock.cost(laps[0]["steps"]),
        "peak_rss_GiB": max(lap["peak_rss_GiB"] for lap in laps),
    }


def ratios(found: dict[str, dict[str, float]], key: str) -> dict[str, float]:
    """How many times this trainer's rate each peer is behind: of response tokens per second of a phase."""
    ours = found["entropy_rl"]
    return {
        name: round((ours["toks"] / ours[key]) / (peer["toks"] / peer[key]), 2)
        for name, peer in found.items()
        if name != "entropy_rl"
    }


def describe(absent: dict[str, str]) -> str:
    return "".join(f"\n{name}: {why}" for name, why in absent.items())


def raw(laps: dict[str, list[subjects.Laps]]) -> dict[str, Any]:
    """Every lap, for the record: keys of all laps of a subject together."""
    return {name: {key: [lap.get(key) for lap in each] for key in each[0]} for name, each in laps.items()}
